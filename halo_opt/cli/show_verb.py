"""The verb show: one attempt as a tree of its spans."""

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
    TracesOption,
    rows_format,
)
from halo_opt.cli.query_options import (
    MaxBytes,
    print_answer,
)
from halo_opt.cli.stores import open_store
from halo_opt.core.console import Console
from halo_opt.store.queries.answers import Answer
from halo_opt.store.queries.show import raw_lines, show, show_span


def show_verb(
    *,
    trace: Annotated[str, typer.Argument(help="The id of a trace, or its first characters.")],
    span: Annotated[
        str | None, typer.Option("--span", help="Show only the span with this id, with all its attributes.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the lines of the trace file unchanged.")] = False,
    traces: TracesOption = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show one attempt: its spans as a tree, with inputs and outputs."""
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=False, names=map_, success_at=success_at) as found:
        if raw:
            answer: Answer = raw_lines(found, trace, span)
        elif span is not None:
            answer = show_span(found, trace, span)
        else:
            answer = show(found, trace)
    print_answer(answer, console, rows_format(format_, json_), max_bytes)
