"""The gate: keeps or drops a patch by what it did on the gate split. Its rule is `decide`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from halo_opt.core.config import GateConfig
from halo_opt.core.records import AttemptResult, Proposal, ScoreDiff, Verdict
from halo_opt.experiment.diff import by_pair


def broken_guards(before: Iterable[AttemptResult], after: Iterable[AttemptResult], named: Sequence[str]) -> list[str]:
    """Guard tasks that a patch broke: solved at every paired seed before (at least two), at none after.

    A task named in loop.yaml is broken as soon as it has fewer successes than before.
    """
    old, new = by_pair(before), by_pair(after)
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in old.keys() & new.keys():
        scores[pair[0]].append((old[pair], new[pair]))
    broken = []
    for task, pairs in sorted(scores.items()):
        was, now = sum(a for a, _ in pairs), sum(b for _, b in pairs)
        always = len(pairs) >= 2 and was == len(pairs)
        if (always and now == 0) or (task in named and now < was):
            broken.append(task)
    return broken


def mechanism_fired(proposal: Proposal, diff: ScoreDiff) -> bool | None:
    """Whether any predicted behaviour moved the predicted way in the traces; None when none could be observed."""
    shifts = {shift.behaviour: shift for shift in diff.behaviours}
    seen = []
    for prediction in proposal.predictions:
        shift = shifts.get(prediction.behaviour)
        if shift is not None and shift.before is not None and shift.after is not None:
            seen.append(shift.after < shift.before if prediction.direction == "down" else shift.after > shift.before)
    return any(seen) if seen else None


def shows_no_gain(diff: ScoreDiff) -> bool:
    """Whether a first look already shows no gain. Stopping then can only drop a patch, so it adds no false keep."""
    return diff.difference is not None and diff.difference <= 0


def decide(proposal: Proposal, diff: ScoreDiff, *, broken: list[str], config: GateConfig, candidates: int) -> Verdict:
    """The verdict on a patch: better beyond chance, no guard broken, and its mechanism seen at work.

    Chance here is that of attempts on the gate's own tasks (`p_value_here`): what must be ruled out is that the patch
    does nothing. Whether the gain holds for tasks beside these is what the sealed split is for.

    `gate.alpha` is shared by the `candidates` that an iteration may try (Bonferroni), because each is another
    chance for noise to look like a gain.
    """
    fired = mechanism_fired(proposal, diff)
    reason = _reason_to_drop(diff, broken, fired, config, config.alpha / candidates)
    return Verdict(
        proposal_id=proposal.id,
        accepted=reason is None,
        reason=reason or f"better by {_points(diff.difference)} points, one-sided p = {diff.p_value_here:.3g}",
        diff=diff,
        broken_guards=broken,
        mechanism_fired=fired,
    )


def _reason_to_drop(
    diff: ScoreDiff, broken: list[str], fired: bool | None, config: GateConfig, level: float
) -> str | None:
    """Why the patch is dropped; None to keep it."""
    if diff.difference is None or diff.p_value_here is None:
        return f"too little data to decide: {diff.pairs} pairs on {diff.tasks} tasks"
    if diff.difference <= config.min_gain:
        gain = f"{_points(diff.difference)} points on the gate split"
        return f"{gain}, not above gate.min_gain of {config.min_gain:g}{_mean_scores(diff)}"
    if diff.p_value_here > level:
        chance = f"one-sided p = {diff.p_value_here:.3g} is above the level {level:.3g}"
        return f"{_points(diff.difference)} points may be noise: {chance}"
    if broken:
        return f"these guard tasks lost successes: {', '.join(broken)}"
    if fired is False:
        return "the score rose, but none of the behaviours that the proposal predicted to change did"
    return None


def _mean_scores(diff: ScoreDiff) -> str:
    """What is said of partial scores, which the gate does not compare; '' where there are none."""
    scores = diff.mean_scores
    if scores is None or scores.before is None or scores.after is None:
        return ""
    return f" (the mean score went from {scores.before:.2f} to {scores.after:.2f}; the gate counts successes only)"


def _points(difference: float | None) -> str:
    return "no" if difference is None else f"{100 * difference:+.0f}"
