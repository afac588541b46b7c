"""Reading JSONL files: every good line with its value, every bad one with its place and reason, one line at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store.files.opening import DamagedFile, open_file

HEAD = 200
BOM = b"\xef\xbb\xbf"


def _no_constant(_name: str) -> None:
    """NaN and Infinity are what Python writes for 'no number'; JSON has none, so they mean not known."""


# Made once: `json.loads` with options makes a decoder for every call.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Line(NamedTuple):
    """A line of a JSONL file: its number from 1, its byte offset, and either an object or a reason why it has none."""

    number: int
    offset: int
    value: dict[str, Any] | None
    reason: str | None
    head: str


def read_objects(path: Path) -> Iterator[Line]:
    """The lines of a file, blank ones skipped. A BOM, which joining files leaves mid-file too, is taken off.

    Where a packed file is damaged, the line that would come next says so and is the last.
    """
    with open_file(path) as file:
        number = offset = 0
        try:
            for number, raw in enumerate(file, start=1):
                start, offset = offset, offset + len(raw)
                if raw.strip():
                    yield _line(number, start, raw)
        except DamagedFile as error:
            yield Line(number + 1, offset, None, f"file is damaged from here on ({error.strerror})", "")


def decode_json(raw: bytes) -> tuple[Any, str | None]:
    """Any JSON value, or None and the reason why these bytes are not one."""
    try:
        return _DECODER.decode(raw.removeprefix(BOM).decode("utf-8")), None
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 (byte {error.start})"
    except RecursionError:
        return None, "nested too deeply"
    except ValueError:
        return None, "not JSON"


def decode_values(raw: bytes) -> tuple[list[Any], bytes, str | None]:
    """The JSON values that stand one after another in some bytes, what follows them, and why that is no value."""
    value, reason = decode_json(raw)
    if reason != "not JSON":
        return ([value], b"", None) if reason is None else ([], raw, reason)
    found: list[Any] = []
    text = raw.removeprefix(BOM).decode("utf-8").strip()
    place = 0
    while place < len(text):
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return found, text[place:].encode("utf-8"), reason
        found.append(value)
        place = end
        while text[place : place + 1].isspace():
            place += 1
    return found, b"", None


def decode_object(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """A JSON object, or None and the reason why this line is not one."""
    value, reason = decode_json(raw)
    if reason == "not JSON" and not raw.endswith(b"\n"):
        return None, "last line is cut off"
    if reason is None and not isinstance(value, dict):
        return None, f"not an object but {_kind(value)}"
    return value, reason


def decode_counting(raw: bytes) -> tuple[Any, int]:
    """A JSON value, and how many keys of its objects are there again; the last one counts. ValueError for bad JSON."""
    again = 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal again
        found = dict(pairs)
        again += len(pairs) - len(found)
        return found

    return json.loads(raw, object_pairs_hook=unique, parse_constant=_no_constant), again


def head_of(raw: bytes) -> str:
    """How some bytes begin, as printable text for a table of rejects."""
    return raw[: 4 * HEAD].decode("utf-8", "replace").rstrip("\r\n")[:HEAD]


def _line(number: int, offset: int, raw: bytes) -> Line:
    value, reason = decode_object(raw)
    return Line(number, offset, value, reason, head_of(raw) if reason else "")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {"list": "an array", "str": "a string", "bool": "true or false"}.get(type(value).__name__, "a number")
