"""Values of any shape turned into the types that columns have, or None, and which of them a column can hold."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

# A whole number that no column holds.
_BEYOND = 2**64
_NANOSECONDS = 1_000_000_000


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


def time(value: Any) -> str | None:
    """A time as UTC text without zone, from ISO 8601 or nanoseconds since 1970; a time without zone is taken as UTC."""
    try:
        if isinstance(value, str) and not value.isdigit():
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromtimestamp(int(value) / _NANOSECONDS, UTC)
        if moment.tzinfo is not None and moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=None).isoformat(" ")


def moment(value: Any) -> str | None:
    """A time as `time` gives it, where a number may also count seconds, milli- or microseconds since 1970.

    The unit is told by the size: until the year 5138 no count of one unit is a sensible count of the next.
    """
    words = isinstance(value, str) and not value.replace(".", "", 1).isdigit()
    count = None if words or isinstance(value, bool) else finite(value)
    if count is None:
        return time(value) if isinstance(value, str) else None
    if count <= 0:
        return None
    while count < 1e17:
        count *= 1000
    return time(int(count))


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
