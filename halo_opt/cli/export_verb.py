"""The verb export: write traces in a format that other programs read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    NameMapFile,
    Quiet,
    Store,
    SuccessAt,
    TracesArgument,
    rows_format,
)
from halo_opt.cli.stores import open_store, report_import
from halo_opt.core.console import Console
from halo_opt.core.text import counted
from halo_opt.store.export import ExportSummary, export_traces


class Target(StrEnum):
    """The formats of an export."""

    SPANS = "spans"
    OTLP = "otlp"
    PARQUET = "parquet"


def export_verb(
    *,
    traces: TracesArgument = None,
    to: Annotated[Target, typer.Option("--to", help="The format to write.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="The file to write, compressed if its name ends in .gz or .zst. For parquet: a folder."
        ),
    ],
    trace: Annotated[
        list[str] | None,
        typer.Option("--trace", help="Export only the trace with this id. May be given several times."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote there.")] = False,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write traces in a format that other programs read.

    spans: the flat span lines that halo-opt and the HALO engine read. otlp: OpenTelemetry JSON lines. parquet: one
    table each for attempts, spans, steps and so on, for data frames.
    """
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=True, names=map_, success_at=success_at) as opened:
        path = opened.path
        if traces:
            report_import(opened.summary(), console)
    with console.working(f"writing {out}"):
        summary = export_traces(path, out, target=to.value, trace_ids=trace or (), force=force)
    _warn_of_losses(summary, console)
    if rows_format(format_, json_) == "json":
        console.document(summary)
    else:
        row = [summary.target, summary.path, summary.traces, summary.spans]
        console.table(["to", "path", "traces", "spans"], [row], rows_format(format_, json_))


def _warn_of_losses(summary: ExportSummary, console: Console) -> None:
    for reason, count in summary.left_out.items():
        console.warn(f"{counted(count, 'trace')} left out: {reason}")
    for name, count in summary.lost.items():
        console.warn(f"{name} of {counted(count, 'trace')} is not fully kept in this format")
    for note in summary.notes:
        console.warn(note)
