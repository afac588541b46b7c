"""Verbs that hand traces to other programs: export. Never changes a store or a trace file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, Store, rows_format
from halo_opt.cli.stores import open_store, say_import
from halo_opt.core.console import Console
from halo_opt.store.export import ExportSummary, export_traces


class To(StrEnum):
    """What an export is for."""

    SPANS = "spans"
    OTLP = "otlp"
    PARQUET = "parquet"


def export_verb(
    *,
    traces: Annotated[
        list[Path] | None, typer.Argument(help="Trace files and folders, of any known format.", metavar="[TRACES...]")
    ] = None,
    to: Annotated[To, typer.Option("--to", help="Flat span lines, OTLP JSON lines, or Parquet tables.")],
    out: Annotated[Path, typer.Option("--out", help="The file (packed if it ends .gz or .zst), for Parquet a folder.")],
    trace: Annotated[list[str] | None, typer.Option("--trace", help="Only this trace; may be given again.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
    store: Store = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write traces for other programs: HALO engine, OpenTelemetry tools, or data frames."""
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=True) as found:
        path = found.path
        if traces:
            say_import(found.summary(), console)
    with console.working(f"writing {out}"):
        summary = export_traces(path, out, target=to.value, trace_ids=trace or (), force=force)
    _say(summary, console)
    if rows_format(format_, json_) == "json":
        console.document(summary)
    else:
        row = [summary.target, summary.path, summary.traces, summary.spans]
        console.table(["to", "path", "traces", "spans"], [row], rows_format(format_, json_))


def _say(summary: ExportSummary, console: Console) -> None:
    for reason, count in summary.left_out.items():
        console.warn(f"{count} traces were left out: {reason}")
    for name, count in summary.lost.items():
        console.warn(f"{name} of {count} traces will not come back as it was when this is imported")
    for note in summary.notes:
        console.warn(note)
