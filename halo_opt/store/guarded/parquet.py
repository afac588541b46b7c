"""Writing the answer of a guarded query to a Parquet file."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.store.guarded.queries import Table

_LARGEST = 2**63


def write_parquet(table: Table, path: Path) -> None:
    """Write an answer to `path` under a temporary name, then rename it, so that no half-written file stays.

    A column is BOOLEAN, BIGINT or DOUBLE where all its values are, otherwise VARCHAR.

    Raises InputError where the answer has no columns or the file cannot be written.
    """
    if not table.columns:
        raise InputError("the answer has no columns, so there is nothing to write")
    columns = [_column(table, place) for place in range(len(table.columns))]
    types = [_type(values) for values in columns]
    names = _unique(table.columns)
    listed = ", ".join(f"unnest(?::{kind}[]) AS {_quoted(name)}" for name, kind in zip(names, types, strict=True))
    values = [
        list(map(_text, column)) if kind == "VARCHAR" else column for column, kind in zip(columns, types, strict=True)
    ]
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE answer AS SELECT {listed}", values)
            connection.execute(f"COPY answer TO '{str(beside).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
        beside.replace(path)
    except (OSError, duckdb.Error) as error:
        raise InputError(f"{path} cannot be written: {error}; name another file with --out") from error
    finally:
        beside.unlink(missing_ok=True)


def _column(table: Table, place: int) -> list[Any]:
    return [row[place] for row in table.rows]


def _type(values: Sequence[Any]) -> str:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return "BOOLEAN"
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        whole = all(isinstance(value, int) and -_LARGEST <= value < _LARGEST for value in known)
        return "BIGINT" if whole else "DOUBLE"
    return "VARCHAR"


def _text(value: Any) -> str | None:
    """Text as it is; what JSON has beyond one type, as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unique(names: Sequence[str]) -> list[str]:
    """Parquet and DuckDB want every name once, whatever its case."""
    taken: set[str] = set()
    found = []
    for name in names:
        count, unique = 1, name
        while unique.lower() in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique.lower())
        found.append(unique)
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
