"""Rows as JSON lines, and which of their values the columns of the store cannot hold."""

import json
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from halo_opt.store import schema, values
from halo_opt.store.rows import Row

# Made once: `json.dumps` with options makes an encoder for every call. Rows came from JSON, so they hold no circles.
_FAST = msgspec.json.Encoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False)
NOT_JSON = (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError)
_CHECKS: dict[str, tuple[Callable[[Any], bool], ...]] = {}
# Most values are texts: those of a row are checked together, the values of all other columns one by one.
_TEXT_CELLS: dict[str, Callable[[Row], tuple[Any, ...]]] = {}
_OTHER_CELLS: dict[str, list[tuple[int, Callable[[Any], bool]]]] = {}
for _table in schema.TABLES:
    _checks = [values.FITS[column.type] for column in _table.columns]
    _texts = [place for place, column in enumerate(_table.columns) if column.type == "VARCHAR"]
    _CHECKS[_table.name] = tuple(_checks)
    _TEXT_CELLS[_table.name] = itemgetter(*_texts, 0)
    _OTHER_CELLS[_table.name] = [(place, fits) for place, fits in enumerate(_checks) if place not in _texts]
_TEXT_TYPES = frozenset({str, type(None)})


def misfits_of(table: str, row: Row) -> list[int]:
    """The places of the values that their columns cannot hold; whether an object can be JSON is not looked at."""
    found: list[int] = [] if row[0] is not None else [0]
    if not _TEXT_TYPES.issuperset(map(type, _TEXT_CELLS[table](row))):
        checks = enumerate(zip(row, _CHECKS[table], strict=True))
        return found + [place for place, (value, fits) in checks if value is not None and not fits(value)]
    for place, fits in _OTHER_CELLS[table]:
        value = row[place]
        if value is not None and not fits(value):
            found.append(place)
    return found


def without(row: Row, places: Sequence[int]) -> Row:
    """The row with None at some places."""
    cells: list[Any] = [None if place in places else cell for place, cell in enumerate(row)]
    return type(row)._make(cells)


def is_json(value: Any) -> bool:
    """Whether a value can be written as JSON."""
    try:
        encode(value)
    except NOT_JSON:
        return False
    return True


def words_of(value: Any) -> str:
    """A value as text for a person: numbers and texts as they are, of anything else its type."""
    if not isinstance(value, int | float | str):
        return f"({type(value).__name__})"
    try:
        return str(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "(a number of more than 4,300 digits)"


def encode(value: Any) -> bytes:
    """JSON as UTF-8; a lone surrogate, which JSON may spell but UTF-8 cannot hold, becomes `?`."""
    try:
        return _FAST.encode(value)
    except NOT_JSON:
        # Has a word for every number and letter, and takes several times as long.
        return _ENCODER.encode(value).encode("utf-8", "replace")


def utf8(value: Any) -> Any:
    """A text without lone surrogates, which UTF-8 cannot hold; any other value as it is."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
