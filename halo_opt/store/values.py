"""Values of any shape turned into what a column can hold, or None. Pure, and never raises for what it is given."""

import json
import math
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

_BIGINT = 2**63
_INTEGER = 2**31
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
    """A whole number that fits a BIGINT, also from a numeral; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_BIGINT <= number < _BIGINT else None


def count(value: Any) -> int | None:
    """A whole number that fits an INTEGER, as `integer` gives it: a step's number, how many there are."""
    found = integer(value)
    return found if found is not None and -_INTEGER <= found < _INTEGER else None


def number(value: Any) -> float | None:
    """A finite number, also from a numeral or a yes/no; None for anything else."""
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


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
    count = None if words or isinstance(value, bool) else number(value)
    if count is None:
        return time(value) if isinstance(value, str) else None
    if count <= 0:
        return None
    while count < 1e17:
        count *= 1000
    return time(int(count))


def call_hash(tool: str, arguments: str | None) -> int:
    """A number that is equal for equal calls, on every machine: 63 bits of a hash of tool and arguments."""
    told = f"{tool}\0{arguments or ''}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big") >> 1


def outcome_of(score: float | None) -> str | None:
    """Success from a score of 1 (within rounding), failure below, None without a score."""
    if score is None:
        return None
    return "success" if score >= 1 - 1e-9 else "failure"
