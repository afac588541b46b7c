"""Values of any shape turned into the types that columns have, or None, and which of them a column can hold."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

# A whole number that no column holds.
_BEYOND = 2**64
_NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1)
# Of a count only what makes a time from 2000 until 2100 (in seconds since 1970) is one.
_FIRST, _LAST = 946_684_800, 4_102_444_800
# What languages write for a time that is not known.
_ZEROS = (_EPOCH, datetime(1, 1, 1))
_BASIC_DATE = len("20260504")
_SHOWN = 200
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT|[zZ])$|(?<=[+-]\d{4})\s+[A-Z]{1,5}$")
_OFFSET = re.compile(r"\d\s*[+-]\d{2}:?(?:\d{2})?$")


def an_object(value: Any) -> dict[str, Any]:
    """The value where it is an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """Text as it is; numbers, lists and objects as JSON; None for None."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        # What could just be read at one depth of calls may be too deep to be written at another.
        return "(nested too deeply)"


def integer(value: Any) -> int | None:
    """A whole number of any size, also from a numeral; None for anything else.

    One that is too large for its column is for the sink to reject, which counts it and keeps its place.
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)
    except OverflowError:  # an infinity is a number too, and one that no column of whole numbers holds
        return _BEYOND
    except (TypeError, ValueError):
        return None


def bigint(value: Any) -> int | None:
    """A whole number that fits a BIGINT, also from a numeral; None for anything else."""
    found = integer(value)
    return found if found is not None and FITS["BIGINT"](found) else None


def count(value: Any) -> int | None:
    """A whole number that fits an INTEGER, also from a numeral; None for anything else."""
    found = integer(value)
    return found if found is not None and FITS["INTEGER"](found) else None


def number(value: Any) -> float | None:
    """A number, also from a numeral or a yes/no, and infinite when it is too large; None for anything else.

    One that is not finite is for the sink to reject, which counts it and keeps its place.
    """
    try:
        result = float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return None
    return None if math.isnan(result) else result


def finite(value: Any) -> float | None:
    """A finite number, as `number` gives it; None for anything else."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def boolean(value: Any) -> bool | None:
    """A yes/no, also from the words true and false; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


class UnreadTime(str):
    """A value that should be a time and cannot be read as one, as text.

    It is false, so that it never counts as a time; where it reaches a column, the sink stores NULL and lists the value
    in `rejects`.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def time(value: Any) -> str | None:
    """A time as UTC text without zone.

    Args:
        value: ISO 8601 text in any of its forms (without a zone it is UTC), or a number of seconds, milliseconds,
            microseconds or nanoseconds since 1970, also as text. The size of a number says its unit.

    Returns:
        The time; None where there is none (also for a zero, which exporters write for a time that is not known); an
        `UnreadTime` for anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and not _is_numeral(value):
        moment = _from_iso(value)
    else:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else finite(value)
        if number == 0:
            return None
        moment = _from_count(number)
        if moment is None and isinstance(value, str) and len(value) == _BASIC_DATE:
            moment = _from_iso(value)
    if moment is None:
        return UnreadTime(_beginning(value))
    return None if moment in _ZEROS else moment.isoformat(" ")


def _beginning(value: Any) -> str:
    try:
        return (text(value) or "")[:_SHOWN]
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "(a number of more than 4,300 digits)"


def _is_numeral(words: str) -> bool:
    return words.replace(".", "", 1).isdigit()


def _from_iso(words: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        # As other languages print it: 2026/05/04 10:00:00.5 +0000 UTC.
        plain = _ZONE_NAME.sub("", words.strip()).replace("/", "-")
        zone = "" if _OFFSET.search(plain) else "+00:00"
        try:
            moment = datetime.fromisoformat(plain + zone)
        except ValueError:
            return _from_count(finite(words))  # 1.7e9
    try:
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _from_count(number: float | None) -> datetime | None:
    """The time of a number of seconds, milli-, micro- or nanoseconds since 1970, from 2000 until 2100; else None."""
    if number is None or number is True or not _FIRST <= number < _LAST * _NANOSECONDS:
        return None
    unit = next(unit for unit in (1, 10**3, 10**6, 10**9) if number < _LAST * unit)
    if number < _FIRST * unit:
        return None
    seconds = int(number // unit)
    rest = number - seconds * unit
    microseconds = rest * 10**6 // unit if isinstance(rest, int) else round(rest * 10**6 / unit)
    return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)


def call_hash(tool: str, arguments: str | None) -> int:
    """A number that is equal for equal calls, on every machine: 63 bits of a hash of tool and arguments."""
    call = f"{tool}\0{arguments or ''}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(call, digest_size=8).digest(), "big") >> 1


def _whole(bits: int) -> Callable[[Any], bool]:
    limit = 1 << (bits - 1)
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _utc(value: Any) -> bool:
    if isinstance(value, UnreadTime):
        return False
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return moment.tzinfo is None and moment.isoformat(" ") == str(value)


# Whether a column of a DuckDB type, of those that the schema uses, can hold a value that is not None.
FITS: dict[str, Callable[[Any], bool]] = {
    "BIGINT": _whole(64),
    "BOOLEAN": lambda value: isinstance(value, bool),
    "DOUBLE": _finite,
    "INTEGER": _whole(32),
    "JSON": lambda value: isinstance(value, Mapping),
    "TIMESTAMP": _utc,
    "VARCHAR": lambda value: isinstance(value, str),
}
