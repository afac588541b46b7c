"""A behaviour by run: how many attempts of each run show it, and whether it marks whole runs."""

from collections.abc import Iterable, Iterator, Sequence

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.analysis.tools.formatting import cell_text, rows_text
from halo_opt.core.prompts import fence
from halo_opt.core.records import Record
from halo_opt.core.report_records import GroupComparison, Report
from halo_opt.core.text import counted

# A behaviour marks a run when at least this share of its attempts show it, and almost none of the other runs'.
_MOST, _ALMOST_NONE = 0.8, 0.05
_MIN_ATTEMPTS = 5
_MOST_RUNS, _MOST_COMPARISONS, _MOST_LISTED = 12, 4, 8
_TABLE_BYTES = 2_500


class RunCounts(Record):
    """The measured attempts of one run, mode and model, those that show a behaviour, and the failures among both."""

    run_id: str
    mode: str | None
    model: str | None
    shown: int
    attempts: int
    failures_shown: int
    failures: int

    @property
    def share(self) -> float:
        """The share of the attempts that show it."""
        return self.shown / self.attempts


def counts_by_run(context: ToolContext, shown: Iterable[str]) -> list[RunCounts]:
    """The counts of every run, those with the largest share first."""
    rows = context.store.records(
        "SELECT run_id, mode, model, count(*) FILTER (s) AS shown, count(*) AS attempts, count(*) FILTER (s AND outcome"
        " = 'failure') AS failures_shown, count(*) FILTER (outcome = 'failure') AS failures FROM (SELECT *, trace_id IN"
        " (SELECT unnest(?::VARCHAR[])) AS s FROM attempts WHERE outcome IN ('success', 'failure')) GROUP BY ALL"
        " ORDER BY shown / attempts DESC, run_id, mode, model",
        [sorted(shown)],
    )
    return [RunCounts(**row) for row in rows]


def marked_runs(rows: Sequence[RunCounts]) -> int:
    """How many runs, the first ones, the behaviour marks; 0 where it does not tell runs apart."""
    marked = [row for row in rows if row.share >= _MOST]
    rest = rows[len(marked) :]
    large = all(row.attempts >= _MIN_ATTEMPTS for row in marked) and sum(r.attempts for r in rest) >= _MIN_ATTEMPTS
    return len(marked) if marked and large and all(row.share <= _ALMOST_NONE for row in rest) else 0


def by_run_text(rows: Sequence[RunCounts], comparisons: Sequence[GroupComparison]) -> str:
    """The table of runs, and for a behaviour that marks runs what that means; '' for a single run."""
    if len(rows) < 2:
        return ""
    marked = marked_runs(rows)
    lines = []
    if marked:
        runs = "the first run" if marked == 1 else f"the first {marked} runs"
        lines.append(
            f"it marks whole runs: most attempts of {runs} below show it, and almost none of the others. A"
            " contrast within runs cannot test that; compare the runs on the tasks that both tried, and say of it only"
            " that run and behaviour go together"
        )
    columns = ["run_id", *(name for name in ("mode", "model") if len({getattr(row, name) for row in rows}) > 1)]
    cells = [
        [
            *(getattr(row, name) for name in columns),
            f"{row.shown} of {row.attempts}",
            f"{row.failures_shown} of {row.failures}",
        ]
        for row in rows[:_MOST_RUNS]
    ]
    table, _ = rows_text([*columns, "attempts that show it", "failures that show it"], cells, _TABLE_BYTES)
    more = [f"and {counted(len(rows) - _MOST_RUNS, 'more run')}"] if len(rows) > _MOST_RUNS else []
    pairs = _compared([row.run_id for row in rows[:marked]], [row.run_id for row in rows[marked:]], comparisons)
    return "\n".join([*lines, "by run:", fence("\n".join([table, *more, *pairs]))])


def _compared(marked: Sequence[str], others: Sequence[str], found: Sequence[GroupComparison]) -> Iterator[str]:
    """What mining says of a marked run and another one on the tasks that both tried."""
    pairs = [
        one
        for one in found
        if one.by == "run"
        and ((one.worse in marked and one.better in others) or (one.better in marked and one.worse in others))
    ]
    for one in pairs[:_MOST_COMPARISONS]:
        yield comparison_text(one)


def comparisons_text(report: Report) -> list[str]:
    """The comparisons of runs, modes, models and revisions as one part of data, the clearest first; else nothing."""
    ordered = sorted(report.comparisons, key=_p_value)
    lines = [comparison_text(one) for one in ordered[:_MOST_LISTED]]
    if len(ordered) > _MOST_LISTED:
        lines.append(f"and {len(ordered) - _MOST_LISTED} more")
    return ["\n".join(["runs compared on the tasks that both tried:", *lines])] if lines else []


def _p_value(one: GroupComparison) -> float:
    value = one.p_value.value
    return value if isinstance(value, int | float) else 1.0


def comparison_text(one: GroupComparison) -> str:
    """A comparison in words. It names runs, so it must be fenced."""
    marks = f"; findings that mark it: {', '.join(one.findings)}" if one.findings else ""
    return (
        f"{one.by} {cell_text(one.worse, 80)} does worse than {cell_text(one.better, 80)} on {one.lost.value} of the"
        f" {one.tasks.value} tasks that both tried, and better on {one.won.value} (exact sign test p ="
        f" {_p_value(one):.2g}){marks}"
    )
