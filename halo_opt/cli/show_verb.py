"""The verb show: one attempt as a tree of its spans."""

from collections.abc import Sequence
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
    TracesOption,
    rows_format,
)
from halo_opt.cli.query_options import (
    MaxBytes,
    print_answer,
)
from halo_opt.cli.stores import open_store
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.text import counted
from halo_opt.store.queries.answers import Answer
from halo_opt.store.queries.scanning.readable import Image
from halo_opt.store.queries.show import images_of, raw_lines, show, show_span


def show_verb(
    *,
    trace: Annotated[str, typer.Argument(help="The id of a trace, or its first characters.")],
    span: Annotated[
        str | None, typer.Option("--span", help="Show only the span with this id, with all its attributes.")
    ] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option("--artifacts", metavar="DIR", help="Write the images in the attempt's texts into this folder."),
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
        if artifacts is not None:
            _write_images(images_of(found, trace, span), artifacts, console)
            return
        if raw:
            answer: Answer = raw_lines(found, trace, span)
        elif span is not None:
            answer = show_span(found, trace, span)
        else:
            answer = show(found, trace)
    print_answer(answer, console, rows_format(format_, json_), max_bytes)


def _write_images(images: Sequence[Image], folder: Path, console: Console) -> None:
    """Write each image as `<beginning of its SHA-256>.<kind>`; prints the paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for image in images:
            kind = image.media_type.removeprefix("image/").removesuffix("+xml")
            path = folder / f"{image.sha256[:16]}.{kind}"
            path.write_bytes(image.data)
            console.text(str(path))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror or error}); name another folder") from error
    console.say(f"{counted(len(images), 'image')} in {folder}")
