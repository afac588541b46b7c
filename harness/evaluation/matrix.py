"""Every mode on every task: a run folder for each mode, and tables over all of them.

<out>/<mode>/        a run folder, see `run_folder`
<out>/matrix.csv     a line for each attempt
<out>/matrix.md      figures by mode, a grid of tasks by modes, errors by cause
<out>/errors.jsonl   a line for each attempt that is not a measurement, and for each mode that could not run
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_common.csv_text import csv_text
from harness.core.errors import EnvironmentMissing
from harness.evaluation.metrics import counting, metrics, shown, wall_seconds
from harness.evaluation.run_folder import (
    ERRORS,
    METRICS,
    key_of,
    locked,
    make_folder,
    read_lines,
    read_results,
    write_whole,
)
from harness.evaluation.session import Log
from harness.evaluation.show import markdown_table
from harness.evaluation.trajectory import Root, read_root
from harness.record.results import Job, Result
from harness.running.setup import Setup, spans_of

CSV, MD = "matrix.csv", "matrix.md"
_OF_RESULT = (
    "task_id", "seed", "attempt", "outcome", "score", "steps", "wall_seconds", "cause", "tokens_in", "tokens_out",
    "cost_usd", "trace_id",
)  # fmt: skip
_OF_ROOT = ("end_reason", "cache_hits", "macro_steps", "worker_calls", "manager_calls")


@dataclass(frozen=True)
class Column:
    """One mode: its setup, the results that count, and, where it could not run, why."""

    setup: Setup
    results: Sequence[Result]
    lost: str | None = None

    def of_task(self, task_id: str) -> list[Result]:
        """The results of one task."""
        return [result for result in self.results if result.task_id == task_id]

    def root(self, result: Result) -> Root:
        """The attempt's own span."""
        job = Job(task_id=result.task_id, seed=result.seed, attempt=result.attempt)
        return read_root(spans_of(self.setup, job), result.trace_id)


def run_matrix(
    setups: Sequence[Setup], jobs: Sequence[Job], out: Path, *, run: Callable[[Setup], object], log: Log
) -> list[Column]:
    """`run` each setup and write the tables, also after an interrupt. The other modes run where one cannot."""
    lost: dict[str, str] = {}
    with locked(make_folder(out)):
        try:
            for setup in setups:
                log(f"mode {setup.mode}:")
                try:
                    run(setup)
                except EnvironmentMissing as error:
                    lost[setup.mode] = str(error)
                    log(f"mode {setup.mode} cannot run: {error}")
        finally:
            columns = [Column(s, _results(s, jobs), lost.get(s.mode)) for s in setups]
            write(out, columns)
    return columns


def _results(setup: Setup, jobs: Sequence[Job]) -> list[Result]:
    wanted = {key_of(job) for job in jobs}
    return [r for r in counting(read_results(Path(setup.out))) if key_of(r) in wanted]


def write(out: Path, columns: Sequence[Column]) -> None:
    """Write all files over all modes."""
    write_whole(out / CSV, as_csv(columns))
    write_whole(out / MD, as_markdown(columns))
    write_whole(out / ERRORS, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in errors(columns)))
    by_mode = {c.setup.mode: metrics(c.results).model_dump() for c in columns}
    write_whole(out / METRICS, json.dumps(by_mode, indent=1) + "\n")


def as_csv(columns: Sequence[Column]) -> str:
    """A line for each attempt that counts."""
    rows: list[list[Any]] = [["mode", *_OF_RESULT, *_OF_ROOT]]
    for column in columns:
        for result in column.results:
            figures = {**result.model_dump(), "wall_seconds": round(wall_seconds(result), 3)}
            root = column.root(result).model_dump()
            rows.append([column.setup.mode, *(figures[k] for k in _OF_RESULT), *(root[k] for k in _OF_ROOT)])
    return csv_text(rows)


def errors(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Why the attempts that count as errors are errors, and why modes could not run."""
    out: list[dict[str, Any]] = []
    for column in columns:
        recorded = {line.get("trace_id"): line for line in read_lines(Path(column.setup.out) / ERRORS)}
        for result in column.results:
            if result.outcome == "error":
                bare = result.model_dump(include={"task_id", "seed", "attempt", "trace_id", "cause"})
                out.append(recorded.get(result.trace_id) or {"mode": column.setup.mode, **bare})
        if column.lost is not None:
            out.append({"mode": column.setup.mode, "cause": "environment_missing", "message": column.lost})
    return out


def _sum_of(records: Sequence[Result] | Sequence[Root], name: str) -> str:
    """The sum of the known values of a field; a dash where none is known."""
    values = [getattr(record, name) for record in records]
    known = [value for value in values if value is not None]
    return shown(sum(known)) if known else "-"


def mode_table(columns: Sequence[Column]) -> tuple[list[str], list[list[str]]]:
    """(head, rows) of the figures, one row for each mode."""
    names = list(metrics([]).model_dump())
    head = ["mode", *names, "tokens_in", "tokens_out", "cost_usd", *_OF_ROOT[1:]]
    rows = []
    for column in columns:
        figures = [shown(v) for v in metrics(column.results).model_dump().values()]
        roots = [column.root(r) for r in column.results]
        used = [_sum_of(column.results, name) for name in ("tokens_in", "tokens_out", "cost_usd")]
        counts = [_sum_of(roots, name) for name in _OF_ROOT[1:]]
        rows.append([column.setup.mode, *figures, *used, *counts])
    return head, rows


def _cell(results: Sequence[Result]) -> str:
    """`successes/valid` of one task in one mode, with its errors beside."""
    if not results:
        return "-"
    m = metrics(results)
    parts = [f"{m.successes}/{m.valid_tasks}"] if m.valid_tasks else []
    if m.init_or_agent_errors:
        parts.append(f"{m.init_or_agent_errors} error" + ("s" if m.init_or_agent_errors > 1 else ""))
    return ", ".join(parts)


def grid(columns: Sequence[Column]) -> tuple[list[str], list[list[str]]]:
    """(head, rows): one row for each task, one column for each mode."""
    ids = list(dict.fromkeys(r.task_id for c in columns for r in c.results))
    rows = []
    for one in ids:
        cells = [_cell(column.of_task(one)) for column in columns]
        rows.append([one, *cells])
    return ["task", *(c.setup.mode for c in columns)], rows


def as_markdown(columns: Sequence[Column]) -> str:
    """The summary in Markdown."""
    causes = Counter((c.setup.mode, str(r.cause)) for c in columns for r in c.results if r.outcome == "error")
    lines = [
        "# Modes by tasks",
        "",
        "A valid attempt ended without an error of the set-up or of the agent's program. A success is any reward above "
        "0. Errors are not part of any rate. Times are in seconds.",
        "",
        *markdown_table(*mode_table(columns)),
        "",
        "## Tasks",
        "",
        "Successes / valid attempts.",
        "",
        *markdown_table(*grid(columns)),
    ]
    if causes:
        rows = [[mode, cause, str(n)] for (mode, cause), n in sorted(causes.items())]
        lines += ["", f"## Errors (see {ERRORS})", "", *markdown_table(["mode", "cause", "attempts"], rows)]
    lost = [[c.setup.mode, c.lost] for c in columns if c.lost is not None]
    if lost:
        lines += ["", "## Modes that could not run", "", *markdown_table(["mode", "why"], lost)]
    return "\n".join(lines) + "\n"
