"""The verb import: index trace files in a store."""

from typing import Annotated

import typer

from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    NameMapFile,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    Store,
    SuccessAt,
    TraceFormat,
    Traces,
    rows_format,
)
from halo_opt.cli.stores import built_store, import_options, report_import
from halo_opt.core.console import Console


def import_verb(
    *,
    traces: Traces,
    store: Store = None,
    index_only: Annotated[
        bool,
        typer.Option(
            "--index-only",
            help="Index only ids, times and counts; read message texts later, when a command needs them. Faster.",
        ),
    ] = False,
    trace_format: TraceFormat = None,
    scores: Scores = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    redact: Redact = True,
    redact_personal: RedactPersonal = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Index trace files and report what was read and what was rejected.

    The other verbs index traces too when they need to. Given again, the command reads only what is new.
    """
    console = Console(quiet=quiet)
    options = import_options(
        trace_format, scores, names=map_, success_at=success_at, redact=redact, personal=redact_personal
    )
    path, summary = built_store(traces, store, console, options=options, contents=not index_only)
    report_import(summary, console)
    if rows_format(format_, json_) == "json":
        console.document(summary)
    else:
        rows = [[file.format, file.path, file.bytes] for file in summary.files]
        console.table(["format", "path", "bytes"], rows, rows_format(format_, json_))
    console.say(f"store: {path}")
