"""The verb formats: what trace files look like, with an example of each format."""

from typing import Annotated

import typer

from halo_opt.core.console import Console
from halo_opt.store.formats.page import page, section


def formats_verb(
    name: Annotated[
        str | None,
        typer.Argument(help="One format, or 'map' for mapping files. Default: the whole page.", metavar="NAME"),
    ] = None,
) -> None:
    """Show the trace formats that are read, with their field names and an example of each."""
    Console().text(page() if name is None else section(name))
