"""Export as Parquet: a folder with a file for every table of the schema, written by DuckDB. Never changes the store."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.store import schema

_OF_TRACES = {table.name for table in schema.TABLES if table.columns[0].name == "trace_id"}


def write_tables(store: Path, folder: Path, trace_ids: Sequence[str] | None) -> None:
    """Write the tables of a store; with `trace_ids` only what belongs to those attempts, in the tables of traces."""
    try:
        # A connection of its own: those of `Store` are shut off from files, and this SQL holds no text of a trace.
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {_quoted(store)} AS store (READ_ONLY)")
            connection.execute("CREATE TEMP TABLE wanted AS SELECT unnest(?::VARCHAR[]) AS id", [list(trace_ids or ())])
            for table in schema.TABLES:
                which = "" if trace_ids is None else _condition(table.name)
                connection.execute(
                    f"COPY (SELECT * FROM store.{table.name}{which}) TO {_quoted(folder / f'{table.name}.parquet')}"
                    " (FORMAT parquet, COMPRESSION zstd)"
                )
    except duckdb.Error as error:
        raise InputError(f"Parquet files cannot be written to {folder.parent} ({error}); name another --out") from error


def _condition(table: str) -> str:
    if table in _OF_TRACES:
        return " WHERE trace_id IN (SELECT id FROM wanted)"
    if table == "runs":
        return " WHERE run_id IN (SELECT run_id FROM store.attempts WHERE trace_id IN (SELECT id FROM wanted))"
    return ""


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
