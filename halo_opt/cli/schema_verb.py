"""The verb schema: the tables of a store."""

from halo_opt.cli.options import FormatName, FormatOption, Json, rows_format
from halo_opt.core.console import Console
from halo_opt.store.schema import describe


def schema_verb(format_: FormatOption = FormatName.TABLE, json_: Json = False) -> None:
    """List the tables and columns of the index."""
    Console().table(["table", "column", "type", "meaning"], describe(), rows_format(format_, json_))
