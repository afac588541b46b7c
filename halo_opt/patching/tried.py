"""What was tried and what came of it, in words for the models of a later iteration."""

from collections.abc import Sequence

from halo_opt.core.records import Edit, Proposal, ScoreDiff, SetValue
from halo_opt.patching.guard import replace_hidden
from halo_opt.patching.propose import Trial, with_levels

# Only the newest trials are told, and of each its largest changes of behaviour.
_TRIALS, _SHIFTS, _HYPOTHESIS_CHARACTERS = 10, 6, 300


def trial_texts(history: Sequence[Trial]) -> list[str]:
    """A paragraph for each of the newest trials: verdict, what it answered, its edits, and what the gate measured."""
    return [replace_hidden(_trial_text(trial)) for trial in history[-_TRIALS:]]


def _trial_text(trial: Trial) -> str:
    proposal, verdict = trial
    fate = "kept" if verdict.accepted else "dropped"
    lines = [f"{proposal.id}: {fate}, {verdict.reason}", f"  Hypothesis: {_shortened(proposal.hypothesis)}"]
    if proposal.findings:
        lines.append(f"  Findings: {with_levels(proposal)}")
    lines.append(f"  Edits: {'; '.join(_edit_text(edit) for edit in proposal.edits)}")
    if verdict.diff is not None:
        lines += _effects(proposal, verdict.diff)
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= _HYPOTHESIS_CHARACTERS else text[:_HYPOTHESIS_CHARACTERS].rsplit(" ", 1)[0] + " ..."


def _edit_text(edit: Edit) -> str:
    if isinstance(edit, SetValue):
        return f"{edit.key} = {edit.value!r} in {edit.path}"
    return f"{edit.type} text in {edit.path}"


def _effects(proposal: Proposal, diff: ScoreDiff) -> list[str]:
    """The change of the success rate with its interval, and the changes of behaviours, those predicted first."""
    lines = []
    if diff.rate_before is not None and diff.rate_after is not None:
        change = f"  Success rate: {diff.rate_before:.0%} before, {diff.rate_after:.0%} after"
        if diff.interval is not None:
            low, high = diff.interval
            change += f" (95% interval of the difference {100 * low:+.0f} to {100 * high:+.0f} points)"
        lines.append(change)
    predicted = {prediction.behaviour for prediction in proposal.predictions}
    moved = [
        (shift.behaviour, shift.before, shift.after)
        for shift in diff.behaviours
        if shift.before is not None and shift.after is not None and shift.before != shift.after
    ]
    moved.sort(key=lambda one: (one[0] not in predicted, -abs(one[2] - one[1])))
    if moved:
        shown = ", ".join(f"{name} {before:.0%} to {after:.0%}" for name, before, after in moved[:_SHIFTS])
        lines.append(f"  Behaviours: {shown}")
    return lines
