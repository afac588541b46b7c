"""The verb verify: make a report again from its traces and compare the two."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from halo_opt import __version__
from halo_opt.analysis.claims.remake import not_checked
from halo_opt.analysis.claims.verify import document_queries, numbers_of, verify_document
from halo_opt.analysis.claims.verify_claims import Mismatch
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, ReportArgument, Store, rows_format
from halo_opt.cli.stores import built_store
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError, NegativeAnswer
from halo_opt.core.input_paths import path_problem, shown
from halo_opt.core.report_records import InputFile, Report
from halo_opt.core.text import counted
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Refused, guarded_queries
from halo_opt.store import Store as TraceStore
from halo_opt.store.guarded.queries import Table
from halo_opt.store.index.ingest import options_from

# A number of a report may ask for a row a task; what a person asks for on a terminal is far less.
VERIFY_ROWS = 1_000_000
VERIFY_BYTES = 200_000_000
VERIFY_SECONDS = 60.0
LIMIT_SECONDS = 600.0
# Queries that share a process. After each lot the time is looked at.
_LOT = 20
_MOST_SHOWN = 200


def verify_verb(
    *,
    report: ReportArgument,
    limit: Annotated[
        float,
        typer.Option(
            "--limit", min=1, help="Seconds for all SQL queries that the report contains, together.", metavar="SECONDS"
        ),
    ] = LIMIT_SECONDS,
    store: Store = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a report again from its traces and compare the two.

    Every number, sentence and example that follows from the traces is compared. The claims of a model are checked
    against the traces, and what nothing can confirm is listed. The exit code is 1 if anything differs.
    """
    console = Console(quiet=quiet)
    found = read_report(report)
    if not found.made_with.version:
        raise InputError(
            f"{report} was made by an older halo-opt, which did not record how; make it again with 'halo-opt analyze'"
        )
    path = store or _store_of(found, console)
    with TraceStore.open(path) as traces:
        files = traces.summary().files
        unsure = _changed_inputs(found, files)
        runner = _ForeignSql(traces, limit, console)
        runner.ready(document_queries(found))
        with console.working("making the report again from the traces"):
            mismatches = [*_misdescribed(found, files), *verify_document(found, traces, query=runner.ask)]
    for words in [*unsure, *not_checked(found)]:
        console.say(f"not checked: {words}")
    rows = [[m.where, m.reported, m.recomputed, m.reason] for m in mismatches]
    if rows and found.made_with.version != __version__:
        console.warn(
            f"the report was made by halo-opt {found.made_with.version}, and this is {__version__}; what differs may be"
            " due to that"
        )
    if rows:
        console.table(["where", "reported", "now", "reason"], rows[:_MOST_SHOWN], rows_format(format_, json_))
        if len(rows) > _MOST_SHOWN:
            console.warn(f"{len(rows) - _MOST_SHOWN:,} more differences are not shown")
    if runner.skipped:
        console.warn(
            f"{counted(runner.skipped, 'query', 'queries')} of the report could not be run within {limit:g} s, so what"
            " rests on them was not checked; --limit gives more time"
        )
    if rows or runner.skipped:
        # Without a total: texts, groups and exemplars are checked too, not only numbers.
        raise NegativeAnswer(
            f"the traces do not confirm {counted(len(rows), 'statement')} of the report; see the table above"
            if rows
            else "the report was checked in part only"
        )
    console.say(f"the traces confirm all {counted(sum(1 for _ in numbers_of(found)), 'number')} of the report")


class _ForeignSql:
    """Runs SQL of a report in the guarded process, within a time for all of it together."""

    def __init__(self, traces: TraceStore, limit: float, console: Console) -> None:
        self._traces = traces
        self._left = limit
        self._limit = limit
        self._console = console
        self._answers: dict[str, Table | Refused] = {}
        self.skipped = 0

    def ready(self, sqls: list[str]) -> None:
        """Run these queries ahead: a lot of them shares a process, whose start takes longer than most."""
        for start in range(0, len(sqls), _LOT):
            with self._console.working(f"running the report's own SQL, query {start + 1} of {len(sqls)}"):
                self._run(sqls[start : start + _LOT])

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """All rows of one query. Raises Refused where it may not run, fails, or there is no time left for it."""
        if sql not in self._answers:
            self._run([sql])
        answer = self._answers[sql]
        if isinstance(answer, Refused):
            raise answer
        return list(answer.rows)

    def _run(self, sqls: list[str]) -> None:
        """Run queries in one process, each for its share of the time that is left."""
        if self._left <= 0:
            self.skipped += len(sqls)
            refused = Refused(f"the {self._limit:g} s for all SQL of the report are used up")
            self._answers |= dict.fromkeys(sqls, refused)
            return
        began = time.monotonic()
        seconds = min(VERIFY_SECONDS, self._left / len(sqls))
        answers = guarded_queries(self._traces, sqls, max_rows=VERIFY_ROWS, max_bytes=VERIFY_BYTES, seconds=seconds)
        self._answers |= dict(zip(sqls, answers, strict=True))
        self._left -= time.monotonic() - began


def _changed_inputs(report: Report, files: list[InputFile]) -> list[str]:
    """A sentence for each trace file that is not what the report was made from."""
    now = {file.sha256 for file in files}
    changed = [file.path for file in report.inputs if file.sha256 not in now]
    return [f"{shown(Path(path))}, which has changed since the report was made" for path in changed]


def _misdescribed(report: Report, files: list[InputFile]) -> Iterator[Mismatch]:
    """Trace files that are what the report was made from, and that it describes otherwise than they are."""
    now = {file.sha256: file for file in files}
    for place, file in enumerate(report.inputs):
        same = now.get(file.sha256)
        if same is None:
            continue
        for name in ("format", "bytes"):
            said, found = getattr(file, name), getattr(same, name)
            if said != found:
                yield Mismatch(f"inputs[{place}].{name}", said, found, "the trace file is another one")


def _store_of(report: Report, console: Console) -> Path:
    """The store of the trace files that a report was made from."""
    inputs = [Path(file.path) for file in report.inputs]
    for path in inputs:
        if problem := path_problem(path):
            raise InputError(
                f"{shown(path)}, which the report was made from, {problem}; restore it, or name an index with --store"
            )
    try:
        options = options_from(report.made_with.reading)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"made_with.reading of the report does not say how the traces were read ({error})") from None
    for file, kind in ((options.scores, "file of scores"), (options.names, "mapping file")):
        if file is not None and (problem := path_problem(file)):
            raise InputError(f"{shown(file)}, the {kind} that the traces were read with, {problem}; restore it")
    return built_store(inputs, None, console, options=options)[0]
