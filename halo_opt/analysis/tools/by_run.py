"""A behaviour by run: how many attempts of each run show it, and whether it marks whole runs."""

from collections.abc import Iterable, Iterator, Sequence

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.analysis.tools.formatting import cell_text, rows_text
from halo_opt.core.prompts import fence
from halo_opt.core.records import Record
from halo_opt.core.report_records import GroupComparison, Report
from halo_opt.core.text import counted
from halo_opt.mining.comparisons import is_clear, lost_and_won
from halo_opt.mining.run_wide import NEARLY_ALL, NEARLY_NONE

_MIN_ATTEMPTS = 5
# Runs in the table, groups that do worse, and groups that each of them is compared with.
_MOST_RUNS, _MOST_WORSE, _MOST_OTHERS = 12, 8, 4
_LINE_CHARS = 1_200
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
    """How many runs, the first ones, the behaviour marks: nearly all of their attempts show it, and nearly none of the
    others. 0 where it does not tell runs apart.
    """
    marked = [row for row in rows if row.share >= NEARLY_ALL]
    rest = rows[len(marked) :]
    large = all(row.attempts >= _MIN_ATTEMPTS for row in marked) and sum(r.attempts for r in rest) >= _MIN_ATTEMPTS
    return len(marked) if marked and large and all(row.share <= NEARLY_NONE for row in rest) else 0


def by_run_text(rows: Sequence[RunCounts], comparisons: Sequence[GroupComparison]) -> str:
    """The table of runs, and for a behaviour that marks runs what that means; '' for a single run."""
    if len(rows) < 2:
        return ""
    marked = marked_runs(rows)
    names = [row.run_id for row in rows]
    pairs = list(_compared(names[:marked], names[marked:], comparisons)) if marked else []
    lines = []
    if marked:
        runs = "the first run" if marked == 1 else f"the first {marked} runs"
        compared = "below stands how the runs compare on the tasks that both tried" if pairs else "compare runs instead"
        lines.append(
            f"it marks whole runs: nearly all attempts of {runs} below show it, and nearly none of the others. A"
            f" contrast within runs cannot test that; {compared}. Say of it only that run and behaviour go together"
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
    return "\n".join([*lines, "by run:", fence("\n".join([table, *more, *pairs]))])


def _compared(marked: Sequence[str], others: Sequence[str], found: Sequence[GroupComparison]) -> Iterator[str]:
    """What mining says of a marked run and another one on the tasks that both tried."""
    sides = {**dict.fromkeys(marked, True), **dict.fromkeys(others, False)}
    pairs = [one for one in found if one.by == "run" and sides.get(one.worse) is not sides.get(one.better)]
    yield from _worse(pairs)
    if pairs and not any(map(is_clear, pairs)):
        yield "on the tasks that both tried, none of the runs that show it differs clearly from one that does not"


def comparisons_text(report: Report) -> list[str]:
    """The comparisons of runs, modes, models and revisions as one part of data, the clearest first; else nothing."""
    if not report.comparisons:
        return []
    lines = _worse(report.comparisons)
    unclear = len(report.comparisons) - sum(map(is_clear, report.comparisons))
    more = [f"{counted(unclear, 'other pair')} of runs, modes, models or revisions: no clear difference"]
    return ["\n".join(["compared on the tasks that both tried:", *lines, *(more if unclear else [])])]


def _worse(pairs: Sequence[GroupComparison]) -> list[str]:
    """A line for each group that clearly does worse than others. It names groups, so it must be fenced."""
    groups: dict[tuple[str, str], list[GroupComparison]] = {}
    for one in filter(is_clear, pairs):
        groups.setdefault((one.by, one.worse), []).append(one)
    lines = []
    for (by, worse), found in groups.items():
        results = "; ".join(map(lost_and_won, found[:_MOST_OTHERS]))
        findings = list(dict.fromkeys(name for one in found for name in one.findings))
        marks = f". Findings that mark it: {', '.join(findings)}" if findings else ""
        lines.append(cell_text(f"{by} {worse} does worse {results}{marks}", _LINE_CHARS))
    return lines[:_MOST_WORSE]
