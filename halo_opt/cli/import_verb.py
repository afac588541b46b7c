"""The verb import: index trace files in a store."""

from typing import Annotated

import typer

from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    Store,
    TraceFormat,
    Traces,
    rows_format,
)
from halo_opt.cli.stores import built_store, reading, say_import
from halo_opt.core.console import Console


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
