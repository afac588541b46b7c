"""Verbs over traces and runs: import, verify, sql, schema, diff."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from halo_opt.analysis.claims.verify import numbers_of, queries_of, verify_report
from halo_opt.analysis.session.write_report import rates
from halo_opt.cli.options import (
    LOOP_FILE,
    FormatName,
    FormatOption,
    Json,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    SqlFormat,
    Store,
    TraceFormat,
    Traces,
    rows_format,
)
from halo_opt.cli.stores import built_store, needs_contents, open_store, reading, say_import
from halo_opt.core.config import load_config
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError, NegativeAnswer
from halo_opt.core.paths import CACHE, CachePaths, RunPaths
from halo_opt.core.records import AttemptResult
from halo_opt.core.report_records import Report
from halo_opt.core.text import counted
from halo_opt.experiment.diff import compare
from halo_opt.experiment.results import read_results
from halo_opt.reporting.diff_view import diff_headline, diff_tables
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Refused, guarded_queries, guarded_query
from halo_opt.store import Store as TraceStore
from halo_opt.store.guarded.parquet import write_parquet
from halo_opt.store.guarded.queries import MAX_ANSWER_BYTES
from halo_opt.store.schema import describe

# A number of a report may ask for a row a task; what a person asks for on a terminal is far less.
VERIFY_ROWS = 1_000_000
VERIFY_BYTES = 200_000_000
VERIFY_SECONDS = 60


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command("import")(import_verb)
    app.command("verify")(verify_verb)
    app.command("sql")(sql_verb)
    app.command("schema")(schema_verb)
    app.command("diff")(diff_verb)


def import_verb(
    *,
    traces: Traces,
    store: Store = None,
    index_only: Annotated[
        bool, typer.Option("--index-only", help="Leave what was said in the files until a verb needs it: faster.")
    ] = False,
    trace_format: TraceFormat = None,
    scores: Scores = None,
    redact: Redact = True,
    redact_personal: RedactPersonal = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Index traces and say what was recognised, read and rejected. Run again, it reads what is new."""
    console = Console(quiet=quiet)
    options = reading(trace_format, scores, redact=redact, personal=redact_personal)
    path, summary = built_store(traces, store, console, options=options, contents=not index_only)
    say_import(summary, console)
    if rows_format(format_, json_) == "json":
        console.document(summary)
    else:
        rows = [[file.format, file.path, file.bytes] for file in summary.files]
        console.table(["format", "path", "bytes"], rows, rows_format(format_, json_))
    console.say(f"store: {path}")


def verify_verb(
    *,
    report: Annotated[Path, typer.Argument(help="A report.json, or the folder that holds one.")],
    store: Store = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run every number of a report again. Exit code 1 when anything differs."""
    console = Console(quiet=quiet)
    found = read_report(report)
    path = store or _store_of(found, console)
    with TraceStore.open(path) as traces, console.working("running every number again"):
        mismatches = verify_report(found, traces, query=_guarded_answers(found, traces))
    checked = sum(1 for _ in numbers_of(found))
    rows = [[m.where, m.reported, m.recomputed, m.reason] for m in mismatches]
    if rows:
        console.table(["where", "reported", "now", "reason"], rows, rows_format(format_, json_))
        # Not of so many: texts, groups and exemplars, too, can be what is not confirmed.
        raise NegativeAnswer(f"not confirmed by the traces: {counted(len(rows), 'thing')} that the report says")
    console.say(f"all {counted(checked, 'number')} are confirmed")


def _guarded_answers(report: Report, traces: TraceStore) -> Callable[[str], list[tuple[object, ...]]]:
    """A way to run a report's SQL, guarded; what is asked as a rule is run together, ahead."""
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
    """The store of a report's inputs, which must be as they were."""
    inputs = [Path(file.path) for file in report.inputs]
    for path in inputs:
        if not path.exists():
            raise InputError(
                f"{path}, which the report was made from, is gone; put it back, or name an index with --store"
            )
    path, summary = built_store(inputs, None, console)
    now = {file.path: file.sha256 for file in summary.files}
    for file in report.inputs:
        if now.get(file.path) != file.sha256:
            console.warn(f"{file.path} has changed since the report was made")
    return path


def sql_verb(
    *,
    query: Annotated[str, typer.Argument(help="One SELECT; '-' reads it from standard input.")],
    traces: Annotated[
        list[Path] | None, typer.Option("--traces", help="Trace files and folders to index first.")
    ] = None,
    store: Store = None,
    limit: Annotated[int, typer.Option(help="Rows at most.")] = 1000,
    out: Annotated[Path | None, typer.Option("--out", help="The file for --format parquet.")] = None,
    format_: Annotated[SqlFormat, typer.Option("--format", help="How rows are written.")] = SqlFormat.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask the index, guarded: one SELECT, no files, no network, within limits of time, memory and rows."""
    console = Console(quiet=quiet)
    chosen = rows_format(format_, json_)
    if (chosen == "parquet") != (out is not None):
        raise InputError("--format parquet and --out FILE go together; the other formats are written to stdout")
    most = MAX_ANSWER_BYTES if out is None else VERIFY_BYTES
    asked = sys.stdin.read() if query == "-" else query
    with open_store(traces, store, console, contents=needs_contents(asked)) as found:
        table = guarded_query(found, asked, max_rows=limit, max_bytes=most)
    if out is not None:
        write_parquet(table, out)
        console.say(f"{len(table.rows)} rows: {out}")
    elif chosen != "parquet":
        console.table(table.columns, table.rows, chosen)
    if table.truncated:
        console.warn(f"only the first {len(table.rows)} rows are shown; raise --limit or ask for less")


def schema_verb(format_: FormatOption = FormatName.TABLE, json_: Json = False) -> None:
    """The tables of the index with their columns, types and meanings."""
    Console().table(["table", "column", "type", "meaning"], describe(), rows_format(format_, json_))


def diff_verb(
    *,
    runs: Annotated[
        list[str], typer.Argument(help="Two or more runs: folders, or names under traces/.", metavar="A B [C ...]")
    ],
    config: Annotated[Path, typer.Option("--config", help="The loop file that says where traces are.")] = LOOP_FILE,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs with the first one, paired by task and seed."""
    console = Console(quiet=quiet)
    if len(runs) < 2:
        raise InputError("diff needs two runs or more: halo-opt diff A B")
    folders = [_run_folder(name, config) for name in runs]
    results = [_results(folder) for folder in folders]
    behaviours = rates(folders, CachePaths(CACHE).stores)
    chosen = rows_format(format_, json_)
    for place in range(1, len(folders)):
        diff = compare(
            results[0],
            results[place],
            names=(folders[0].name, folders[place].name),
            rng=np.random.default_rng(0),
            behaviours=(behaviours[0], behaviours[place]),
        )
        if chosen == "json":
            console.document(diff)
            continue
        headline = diff_headline(diff)
        console.text(f"{headline.title}: {headline.sentence}")
        for table in diff_tables(diff):
            console.text(f"\n{table.title}")
            console.table(table.columns, table.rows, chosen)


def _run_folder(name: str, config: Path) -> Path:
    tried = [Path(name)]
    if config.exists():
        loop = load_config(config)
        tried.append(loop.resolve(loop.traces) / name)
    for folder in tried:
        if RunPaths(folder).results.is_file():
            return folder
    where = " or ".join(str(folder) for folder in tried)
    raise InputError(f"{where} is not a run: it has no results.jsonl; name a folder that 'halo-opt collect' made")


def _results(folder: Path) -> list[AttemptResult]:
    tail = read_results(RunPaths(folder).results)
    if not tail.results:
        raise InputError(f"{RunPaths(folder).results} holds no attempts; run 'halo-opt collect' to fill it")
    return list(tail.results.values())
