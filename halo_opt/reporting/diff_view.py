"""A paired comparison as a headline and tables of text, for a terminal, Markdown and HTML.

A difference whose interval includes 0 is called not reliable.
"""

from typing import Literal, NamedTuple

from halo_opt.core.records import BehaviourShift, MeanScores, ScoreDiff, TaskFlip
from halo_opt.core.text import counted
from halo_opt.reporting.formatting import MISSING, interval_text, p_value_text, percent, points, score_text

Kind = Literal["gain", "worse", "unsure", "unmeasured"]
SIGNIFICANT = 0.05
NO_INTERVAL = "no interval: too little data"
_SCORES_MOVED: dict[Kind, str] = {"gain": "higher", "worse": "lower"}
# More rows would bury the answer; how many there are is always given.
TASKS_LISTED = 50
BEHAVIOURS_LISTED = 20
UNPAIRED_LISTED = 10


class NamedTable(NamedTuple):
    """A table with a title. Cells are plain, unescaped text; `numeric` are the columns to align right."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    numeric: list[int]


class Headline(NamedTuple):
    """What a comparison shows: a kind, a title and a sentence."""

    kind: Kind
    title: str
    sentence: str


def kind_of(difference: float | None, interval: tuple[float, float] | None, p_value: float | None) -> Kind:
    """A gain or loss only when the interval leaves out 0; a gain only when the one-sided test for better agrees."""
    if difference is None:
        return "unmeasured"
    if interval is None:
        return "unsure"
    if interval[1] < 0:
        return "worse"
    better = interval[0] > 0 and (p_value is None or p_value < SIGNIFICANT)
    return "gain" if better else "unsure"


def change_text(difference: float | None, interval: tuple[float, float] | None, p_value: float | None) -> str:
    """`+52.8 points (95% interval +36.0 to +69.0 points, one-sided p < 0.0001)`; the p-value is of "better"."""
    if difference is None:
        return MISSING
    ends = f"95% interval {interval_text(interval, signed=True)}" if interval else NO_INTERVAL
    if p_value is None:
        return f"{points(difference)} ({ends})"
    p = p_value_text(p_value)
    return f"{points(difference)} ({ends}, one-sided p {_equals(p)})"


def diff_headline(diff: ScoreDiff) -> Headline:
    """The headline of a comparison."""
    kind = kind_of(diff.difference, diff.interval, diff.p_value)
    title = {
        "gain": f"{diff.after} is better",
        "worse": f"{diff.after} is worse",
        "unsure": "No reliable difference",
        "unmeasured": "Success rates cannot be compared",
    }[kind]
    if kind == "unmeasured":
        return Headline(kind, title, _why_unmeasured(diff))
    rates = f"{percent(diff.rate_before)} to {percent(diff.rate_after)}"
    over = f"over {counted(diff.pairs, 'pair')} of {counted(diff.tasks, 'task')}"
    # The p-value is of "better": beside a loss it would only confuse.
    change = change_text(diff.difference, diff.interval, None if kind == "worse" else diff.p_value)
    if diff.mean_scores is None:
        return Headline(kind, title, f"{rates} {over}: {change}.")
    scores = kind_of(diff.mean_scores.difference, diff.mean_scores.interval, diff.mean_scores.p_value)
    if kind == "unsure" and scores in _SCORES_MOVED:
        title = f"{title} in success rate, but {diff.after} has {_SCORES_MOVED[scores]} scores"
    return Headline(kind, title, f"{rates} {over}: {change}. {_mean_scores(diff.mean_scores)}")


def _mean_scores(scores: MeanScores) -> str:
    """The change of the mean score as a sentence."""
    if scores.difference is None:
        return "No pair has a score on both sides."
    ends = f"95% interval {scores.interval[0]:+.2f} to {scores.interval[1]:+.2f}" if scores.interval else NO_INTERVAL
    tested = scores.p_value is not None and scores.difference >= 0
    p = f", one-sided p {_equals(p_value_text(scores.p_value))}" if tested else ""
    means = f"{score_text(scores.before)} to {score_text(scores.after)}"
    return f"Mean score {means} over {counted(scores.pairs, 'pair')}: {scores.difference:+.2f} ({ends}{p})."


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _why_unmeasured(diff: ScoreDiff) -> str:
    measured = {unpaired.measured_in for unpaired in diff.unpaired}
    if len(measured) == 2:
        return "No task was measured on both sides, so only behaviours are compared."
    before = _no_outcomes(diff.before, diff.attempts_before, diff.errors_before)
    after = _no_outcomes(diff.after, diff.attempts_after, diff.errors_after)
    if measured:
        reason = after if measured == {"before"} else before
    elif diff.errors_before or diff.errors_after:
        reason = f"{before}, and {after}"
    else:
        reason = "Neither side says how its attempts ended"
    return f"{reason}, so only behaviours are compared."


def _no_outcomes(name: str, attempts: int, errors: int) -> str:
    """Why no attempt of a side was measured."""
    if errors == 0:
        return f"{name} does not say how its attempts ended"
    every = "every attempt" if errors == attempts else "every attempt with an outcome"
    return f"{every} of {name} ended in an error"


def diff_tables(diff: ScoreDiff) -> list[NamedTable]:
    """The comparison as tables, cut to what moved. Empty ones are left out, except the first."""
    rates = []
    if diff.mean_scores is not None:
        rates.append(["mean score of pairs", score_text(diff.mean_scores.before), score_text(diff.mean_scores.after)])
    rates[:0] = [["success rate of pairs", percent(diff.rate_before, digits=1), percent(diff.rate_after, digits=1)]]
    if diff.attempts_before or diff.attempts_after:
        rates.append(["attempts", f"{diff.attempts_before:,}", f"{diff.attempts_after:,}"])
    rates.append(["errors (not measured)", str(diff.errors_before), str(diff.errors_after)])
    if diff.unknown_before or diff.unknown_after:
        rates.append(["without an outcome", str(diff.unknown_before), str(diff.unknown_after)])
    moved = moved_behaviours(diff)
    count = len(diff.unpaired)
    tables = [
        NamedTable("Scores", ["", diff.before, diff.after], rates, [1, 2]),
        NamedTable("Tasks that changed", ["task", "before", "after", "change"], _first_flips(diff), [1, 2]),
        NamedTable(
            "Behaviours that changed most",
            ["behaviour", "before", "after", "change"],
            _first([_shift_row(shift) for shift in moved[:BEHAVIOURS_LISTED]], BEHAVIOURS_LISTED, len(moved)),
            [1, 2, 3],
        ),
        NamedTable(
            f"Measured on one side only ({count})",
            ["task", "seed", "measured in"],
            _first(_unpaired(diff), UNPAIRED_LISTED, count),
            [1],
        ),
    ]
    return [t for n, t in enumerate(tables) if n == 0 or t.rows]


def moved_behaviours(diff: ScoreDiff) -> list[BehaviourShift]:
    """The behaviours whose rate differs between the sides, and is known on both, the largest change first."""
    moved = [shift for shift in diff.behaviours if _change(shift)]
    return sorted(moved, key=lambda shift: (-abs(_change(shift)), shift.behaviour))


def _change(shift: BehaviourShift) -> float:
    return 0.0 if shift.before is None or shift.after is None else shift.after - shift.before


def _first(rows: list[list[str]], limit: int, total: int) -> list[list[str]]:
    """The first rows, and a row that counts the rest of `total`."""
    if total <= limit:
        return rows
    width = len(rows[0])
    return [*rows[:limit], [f"and {total - limit} more", *[""] * (width - 1)]]


def flip_rows(diff: ScoreDiff) -> list[list[str]]:
    """Tasks whose paired successes changed, gains first: task, before, after, change."""
    return [_flip(flip, "gained") for flip in diff.gained] + [_flip(flip, "lost") for flip in diff.lost]


def _first_flips(diff: ScoreDiff) -> list[list[str]]:
    """The first rows of `flip_rows`: where there are too many, some of both directions, and a row counts the rest."""
    rows, gained, lost = flip_rows(diff), len(diff.gained), len(diff.lost)
    if len(rows) <= TASKS_LISTED:
        return rows
    half = TASKS_LISTED // 2
    shown_lost = min(lost, max(half, TASKS_LISTED - gained))
    shown_gained = TASKS_LISTED - shown_lost
    left_out = f"{gained - shown_gained} gained, {lost - shown_lost} lost"
    shown = [*rows[:shown_gained], *rows[gained : gained + shown_lost]]
    return [*shown, [f"and {len(rows) - TASKS_LISTED} more", "", "", left_out]]


def _flip(flip: TaskFlip, what: str) -> list[str]:
    return [flip.task_id, f"{flip.before:g}/{flip.pairs}", f"{flip.after:g}/{flip.pairs}", what]


def _shift_row(shift: BehaviourShift) -> list[str]:
    return [shift.behaviour, percent(shift.before), percent(shift.after), points(_change(shift))]


def _unpaired(diff: ScoreDiff) -> list[list[str]]:
    sides = {"before": diff.before, "after": diff.after}
    return [
        [pair.task_id, "none" if pair.seed is None else str(pair.seed), sides[pair.measured_in]]
        for pair in diff.unpaired[:UNPAIRED_LISTED]
    ]
