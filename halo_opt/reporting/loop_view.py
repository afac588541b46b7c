"""The summary of a loop as text: its headline, tiles, tables and edits.

A difference that chance or the noise of the unchanged harness could produce is not called a gain.
"""

from collections.abc import Sequence
from typing import NamedTuple

from halo_opt.core.loop_records import CandidateSummary, IterationSummary, LoopSummary, SealedResult
from halo_opt.core.records import AppendText, Edit, ReplaceText, SetValue
from halo_opt.core.text import duration
from halo_opt.reporting.diff_view import Headline, NamedTable, change_text, kind_of
from halo_opt.reporting.formatting import MISSING, count, estimate_text, interval_text, percent, points


def loop_headline(summary: LoopSummary) -> Headline:
    """The result on the sealed tasks, in one line and one to three sentences."""
    sealed = summary.sealed
    if sealed is None:
        why = "The sealed tasks were not run, so nothing is claimed about tasks that the loop did not see."
        return Headline("unmeasured", "No sealed score", why)
    kind = kind_of(sealed.difference, sealed.interval, sealed.p_value)
    if kind == "gain" and _within_noise(summary, sealed):
        kind = "unsure"
    title = {
        "gain": f"{percent(sealed.original.rate)} to {percent(sealed.final.rate)} on sealed tasks",
        "worse": f"Worse: {percent(sealed.original.rate)} to {percent(sealed.final.rate)} on sealed tasks",
        "unsure": "No reliable gain",
        "unmeasured": "No sealed score",
    }[kind]
    return Headline(kind, title, " ".join(_sentences(summary, sealed)))


def _sentences(summary: LoopSummary, sealed: SealedResult) -> list[str]:
    if sealed.difference is None:
        return ["There were too few measured attempts on the sealed tasks to compute a difference."]
    rates = f"The original harness solves {percent(sealed.original.rate)}, the final one {percent(sealed.final.rate)}"
    over = f"of {sealed.attempts} attempts on {sealed.tasks} tasks that no part of the loop had seen"
    sentences = [f"{rates} {over}: {change_text(sealed.difference, sealed.interval, sealed.p_value)}."]
    if kind_of(sealed.difference, sealed.interval, sealed.p_value) == "unsure":
        sentences.append("Chance alone could produce a difference as large.")
    elif _within_noise(summary, sealed):
        sentences.append(
            "The unchanged harness, measured twice, differs from itself by as much, so this is within the noise."
        )
    best = summary.best_of_k
    if best is not None and best.rate is not None and sealed.final.rate is not None:
        rival = f"The original harness, given {best.k} tries for each, solves {percent(best.rate)}"
        no_better = best.rate >= sealed.final.rate
        sentences.append(
            f"{rival}: {'retrying helps as much' if no_better else 'the gain is larger than that of retrying'}."
        )
    return sentences


def _within_noise(summary: LoopSummary, sealed: SealedResult) -> bool:
    """Whether the unchanged harness differed from itself by as much as the difference found."""
    noise = summary.baseline_noise
    if noise is None or noise.diff.interval is None or sealed.difference is None:
        return False
    return noise.diff.interval[0] <= sealed.difference <= noise.diff.interval[1]


class Tile(NamedTuple):
    """A number at the top of the page."""

    title: str
    value: str
    hint: str


def tiles(summary: LoopSummary) -> list[Tile]:
    """The numbers at the top of the page."""
    sealed, noise, best = summary.sealed, summary.baseline_noise, summary.best_of_k
    shown = []
    if sealed is not None:
        shown += [
            Tile("Sealed, original", percent(sealed.original.rate), interval_text(sealed.original.interval)),
            Tile("Sealed, final", percent(sealed.final.rate), interval_text(sealed.final.interval)),
            Tile("Difference", points(sealed.difference), interval_text(sealed.interval, signed=True)),
        ]
    if best is not None:
        spent = f"{best.spend_per_pair:g} {best.spend_unit} per pair; the loop: {best.optimized_spend_per_pair:g}"
        shown.append(Tile(f"Best of {best.k}, original", percent(best.rate), spent))
    if noise is not None:
        ends = interval_text(noise.diff.interval, signed=True)
        shown.append(Tile("A/A noise", points(noise.diff.difference), ends))
    tried = [c for i in summary.iterations for c in i.candidates]
    turns = len(summary.iterations)
    kept = sum(c.verdict.accepted for c in tried)
    return [*shown, Tile("Patches kept", f"{kept} of {len(tried)}", f"in {turns} iteration{'' if turns == 1 else 's'}")]


def spend_rows(summary: LoopSummary) -> list[list[str]]:
    """What the loop used, as rows of name and value."""
    cost = "not known" if summary.cost_usd is None else f"${summary.cost_usd:,.4f}"
    return [
        ["Attempts", count(summary.attempts)],
        ["Errors (not measured)", count(summary.errors)],
        ["Tokens read", count(summary.tokens_in)],
        ["Tokens written", count(summary.tokens_out)],
        ["Model cost", cost],
        ["Time", duration(summary.seconds)],
        ["Stopped because", summary.stopped_because],
    ]


def iteration_table(iterations: Sequence[IterationSummary]) -> NamedTable:
    """One row for each iteration: its scores, the patches tried and those kept."""
    rows = []
    for turn in iterations:
        kept = [c.proposal.id for c in turn.candidates if c.verdict.accepted]
        tried = ", ".join(c.proposal.id for c in turn.candidates) or "none"
        scores = [estimate_text(turn.train), estimate_text(turn.gate)]
        errors = str(turn.train.errors + turn.gate.errors)
        rows.append([str(turn.number), *scores, errors, tried, ", ".join(kept) or "none"])
    columns = ["Iteration", "Train", "Gate, at its end", "Errors", "Patches tried", "Kept"]
    return NamedTable("Iterations", columns, rows, [3])


def edit_text(edit: Edit) -> str:
    """A phrase that says what one edit does."""
    match edit:
        case SetValue():
            return f"set {edit.key} to {edit.value!r} in {edit.path}"
        case ReplaceText():
            return f"replace a text in {edit.path}"
        case AppendText():
            return f"add text at the end of {edit.path}"


def mechanism_text(candidate: CandidateSummary) -> str:
    """Whether the traces show the change of behaviour that the patch predicted."""
    fired = candidate.verdict.mechanism_fired
    if fired is None:
        return MISSING
    return "seen in the traces" if fired else "not seen in the traces"


class DiffLine(NamedTuple):
    """A line of a unified diff and what it is: plus, minus, at, file or same."""

    kind: str
    text: str


def diff_lines(text: str) -> list[DiffLine]:
    """A unified diff by line. `---` and `+++` are file headers only outside a hunk: within one they are changes."""
    lines, in_hunk = [], False
    for line in text.splitlines():
        if line.startswith("diff "):
            in_hunk = False
        if line.startswith("@@"):
            in_hunk = True
            lines.append(DiffLine("at", line))
        elif not in_hunk:
            lines.append(DiffLine("file", line))
        else:
            lines.append(DiffLine({"+": "plus", "-": "minus"}.get(line[:1], "same"), line))
    return lines
