"""The verb sql: one guarded SELECT over a store."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.options import Json, NameMapFile, Quiet, SqlFormat, Store, SuccessAt, TracesOption, rows_format
from halo_opt.cli.stores import needs_contents, open_store
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.store import guarded_query
from halo_opt.store.guarded.parquet import write_parquet
from halo_opt.store.guarded.queries import MAX_ANSWER_BYTES

PARQUET_BYTES = 200_000_000


def sql_verb(
    *,
    query: Annotated[str, typer.Argument(help="One SELECT statement; - reads it from standard input.")],
    traces: TracesOption = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    limit: Annotated[int, typer.Option(help="The largest number of rows.")] = 1000,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write with --format parquet.")] = None,
    format_: Annotated[SqlFormat, typer.Option("--format", help="How the rows are written.")] = SqlFormat.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Query the index with one SELECT.

    The query runs in a process of its own that can read only the store: no other files and no network. Time, memory
    and rows are limited. 'halo-opt schema' lists the tables.
    """
    console = Console(quiet=quiet)
    chosen = rows_format(format_, json_)
    if (chosen == "parquet") != (out is not None):
        raise InputError("--format parquet and --out FILE go together; the other formats are written to stdout")
    most = MAX_ANSWER_BYTES if out is None else PARQUET_BYTES
    sql = sys.stdin.read() if query == "-" else query
    with open_store(traces, store, console, contents=needs_contents(sql), names=map_, success_at=success_at) as found:
        table = guarded_query(found, sql, max_rows=limit, max_bytes=most)
    if out is not None:
        write_parquet(table, out)
        console.say(f"{len(table.rows)} rows: {out}")
    elif chosen != "parquet":
        console.table(table.columns, table.rows, chosen)
    if table.truncated:
        console.warn(f"only the first {len(table.rows)} rows are shown; raise --limit, or narrow the query")
