"""A paired comparison as a headline and tables of text, for a terminal, Markdown and HTML.

A difference whose interval includes 0 is called not reliable.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from halo_opt.core.records import AttemptKey, ScoreDiff, TaskFlip
from halo_opt.reporting.formatting import MISSING, interval_text, p_value_text, percent, points

Kind = Literal["gain", "worse", "unsure", "unmeasured"]
SIGNIFICANT = 0.05
UNPAIRED_LISTED = 50  # more would bury the answer; the count is always given


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
    ends = f"95% interval {interval_text(interval, signed=True)}" if interval else "no interval: too little data"
    if p_value is None:
        return f"{points(difference)} ({ends})"
    p = p_value_text(p_value)
    return f"{points(difference)} ({ends}, one-sided p {p if p.startswith('<') else '= ' + p})"


def diff_headline(diff: ScoreDiff) -> Headline:
    """The headline of a comparison."""
    kind = kind_of(diff.difference, diff.interval, diff.p_value)
    title = {
        "gain": f"{diff.after} is better",
        "worse": f"{diff.after} is worse",
        "unsure": "No reliable difference",
        "unmeasured": "Nothing to compare",
    }[kind]
    if kind == "unmeasured":
        return Headline(kind, title, "No task and seed was measured in both runs.")
    rates = f"{percent(diff.rate_before)} to {percent(diff.rate_after)}"
    over = f"over {diff.pairs} pairs of {diff.tasks} tasks"
    return Headline(kind, title, f"{rates} {over}: {change_text(diff.difference, diff.interval, diff.p_value)}.")


def diff_tables(diff: ScoreDiff) -> list[NamedTable]:
    """The comparison as tables. Empty ones are left out, except the first."""
    rates = [
        ["success rate", percent(diff.rate_before, digits=1), percent(diff.rate_after, digits=1)],
        ["errors (not measured)", str(diff.errors_before), str(diff.errors_after)],
    ]
    tables = [
        NamedTable("Scores", ["", diff.before, diff.after], rates, [1, 2]),
        NamedTable("Tasks that changed", ["task", "before", "after", "change"], flip_rows(diff), [1, 2]),
        NamedTable("Behaviours", ["behaviour", "before", "after", "change"], _shift_rows(diff), [1, 2, 3]),
        NamedTable(f"Unpaired attempts ({len(diff.unpaired)})", ["task", "seed", "attempt"], _unpaired(diff), [1, 2]),
    ]
    return [t for n, t in enumerate(tables) if n == 0 or t.rows]


def flip_rows(diff: ScoreDiff) -> list[list[str]]:
    """Tasks whose paired successes changed, gains first: task, before, after, change."""
    return [_flip(flip, "gained") for flip in diff.gained] + [_flip(flip, "lost") for flip in diff.lost]


def _flip(flip: TaskFlip, what: str) -> list[str]:
    return [flip.task_id, f"{flip.before:g}/{flip.pairs}", f"{flip.after:g}/{flip.pairs}", what]


def _shift_rows(diff: ScoreDiff) -> list[list[str]]:
    return [
        [
            shift.behaviour,
            percent(shift.before),
            percent(shift.after),
            MISSING if shift.before is None or shift.after is None else points(shift.after - shift.before),
        ]
        for shift in diff.behaviours
    ]


def _unpaired(diff: ScoreDiff) -> list[list[str]]:
    listed: Sequence[AttemptKey] = diff.unpaired[:UNPAIRED_LISTED]
    rows = [[key.task_id, str(key.seed), str(key.attempt)] for key in listed]
    left = len(diff.unpaired) - len(listed)
    return [*rows, [f"and {left} more", "", ""]] if left else rows
