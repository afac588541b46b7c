"""The verb verify: run the numbers of a report again."""

from collections.abc import Callable
from pathlib import Path

from halo_opt.analysis.claims.verify import numbers_of, queries_of, verify_report
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, ReportArgument, Store, rows_format
from halo_opt.cli.stores import built_store
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError, NegativeAnswer
from halo_opt.core.input_paths import path_problem, shown
from halo_opt.core.report_records import Report
from halo_opt.core.text import counted
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Refused, guarded_queries
from halo_opt.store import Store as TraceStore

# A number of a report may ask for a row a task; what a person asks for on a terminal is far less.
VERIFY_ROWS = 1_000_000
VERIFY_BYTES = 200_000_000
VERIFY_SECONDS = 60


def verify_verb(
    *,
    report: ReportArgument,
    store: Store = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run every number of a report again.

    Each number in report.json carries the SQL that made it. The exit code is 1 if anything differs.
    """
    console = Console(quiet=quiet)
    found = read_report(report)
    path = store or _store_of(found, console)
    with TraceStore.open(path) as traces, console.working("computing every number again"):
        mismatches = verify_report(found, traces, query=_guarded_answers(found, traces))
    checked = sum(1 for _ in numbers_of(found))
    rows = [[m.where, m.reported, m.recomputed, m.reason] for m in mismatches]
    if rows:
        console.table(["where", "reported", "now", "reason"], rows, rows_format(format_, json_))
        # Without a total: texts, groups and exemplars are checked too, not only numbers.
        raise NegativeAnswer(
            f"not confirmed by the traces: {counted(len(rows), 'statement')} of the report; see the table above"
        )
    console.say(f"the traces confirm all {counted(checked, 'number')} of the report")


def _guarded_answers(report: Report, traces: TraceStore) -> Callable[[str], list[tuple[object, ...]]]:
    """A function that runs SQL of a report in the guarded process. The usual queries are run together, ahead."""
    limits = {"max_rows": VERIFY_ROWS, "max_bytes": VERIFY_BYTES, "seconds": VERIFY_SECONDS}
    sqls = queries_of(report)
    ready = dict(zip(sqls, guarded_queries(traces, sqls, **limits), strict=True))

    def ask(sql: str) -> list[tuple[object, ...]]:
        if sql not in ready:
            [ready[sql]] = guarded_queries(traces, [sql], **limits)
        answer = ready[sql]
        if isinstance(answer, Refused):
            raise answer
        return list(answer.rows)

    return ask


def _store_of(report: Report, console: Console) -> Path:
    """The store of the trace files that a report was made from."""
    inputs = [Path(file.path) for file in report.inputs]
    for path in inputs:
        if problem := path_problem(path):
            raise InputError(
                f"{shown(path)}, which the report was made from, {problem}; restore it, or name an index with --store"
            )
    stated = report.overview.get("success_at")
    success_at = stated.value if stated is not None and isinstance(stated.value, float) else None
    path, summary = built_store(inputs, None, console, success_at=success_at)
    now = {file.path: file.sha256 for file in summary.files}
    for file in report.inputs:
        if now.get(file.path) != file.sha256:
            console.warn(f"{file.path} has changed since the report was made")
    return path
