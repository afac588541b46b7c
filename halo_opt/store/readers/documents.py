"""JSON files of any layout: a record a line, an array of records, or one document.

Recognising a file parses only its beginning, however large its one document is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store.files.lines import BOM, HEAD, Line, decode_json, decode_object, decode_values, head_of, read_objects
from halo_opt.store.files.opening import open_file
from halo_opt.store.readers.base import SNIFF_BYTES, SNIFF_LINES, first_bytes, whole
from halo_opt.store.values import text

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},"]', re.DOTALL)
# As far as is looked for the first lines, should some of them be long.
_SNIFF_ALL = 16_000_000
# No format nests deeper, and a run of brackets must not cost its square.
_DEEPEST = 200
_CLOSER = {b"[": b"]", b"{": b"}"}
# What programs call the member of a document that holds its records.
WRAPPERS = ("logs", "results", "trajectories", "data", "records", "samples", "items", "episodes", "rows", "runs")


class Wrapped(NamedTuple):
    """The records in a document, by name or position, and what else the document says."""

    records: list[tuple[str, Any]]
    around: dict[str, Any]


def wrapped(value: Any) -> Wrapped | None:
    """The records of a document that holds them in one member (`{meta, logs: {id: record}}`, `{results: [record]}`).

    Returns None for a document without such a member: it is a record itself, or holds none.
    """
    for name in WRAPPERS if isinstance(value, dict) else ():
        held = value.get(name)
        inner = list(held.values()) if isinstance(held, dict) else held
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            names = map(str, held if isinstance(held, dict) else range(1, len(inner) + 1))
            around = {key: other for key, other in value.items() if key != name}
            return Wrapped(list(zip(names, inner, strict=True)), around)
    return None


def leading_objects(path: Path) -> Iterator[dict[str, Any]]:
    """The objects at the beginning of a file, as far as its first 64 KiB hold them; members cut off there are left out.

    For one document that is the document, for an array its first element, otherwise the records of the first lines.
    """
    head = _head(path)
    if _is_document(head):
        value = _closed(head)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, dict):
            yield value
        return
    with open_file(path) as file:
        room = _SNIFF_ALL
        for _ in range(SNIFF_LINES):
            raw = line = file.readline(SNIFF_BYTES)
            value = _closed(line) if _goes_on(line) else decode_object(line)[0]
            if isinstance(value, dict):
                yield value
            while _goes_on(raw) and room > 0:
                raw = file.readline(SNIFF_BYTES)
                room -= len(raw)
            if not raw or room <= 0:
                return


def leading_records(path: Path) -> Iterator[dict[str, Any]]:
    """The same, and after each document that wraps records the first of these."""
    for found in leading_objects(path):
        yield found
        inner = wrapped(found)
        if inner is not None and isinstance(inner.records[0][1], dict):
            yield inner.records[0][1]


def unwrapped(path: Path, is_record: Callable[[dict[str, Any]], bool]) -> Iterator[Line]:
    """The records of a file, where a document that is none itself may wrap them: then those in it, by position.

    Args:
        path: the file.
        is_record: whether an object is a record of the format.
    """
    for line in records(path):
        inner = None if line.value is None or is_record(line.value) else wrapped(line.value)
        if inner is None:
            yield line
            continue
        yield from positioned(record for _, record in inner.records)


def positioned(found: Iterable[Any]) -> Iterator[Line]:
    """Records as lines with their positions, from 1; what is no object carries the reason."""
    for number, record in enumerate(found, start=1):
        if isinstance(record, dict):
            yield Line(number, 0, record, None, "")
        else:
            yield Line(number, 0, None, "not an object", (text(record) or "null")[:HEAD])


def records(path: Path) -> Iterator[Line]:
    """The records of a file: its lines, the elements of its array (by position), or its one document."""
    if is_document(path):
        return elements(path, lambda value: value if isinstance(value, list) else [value])
    return read_objects(path)


def elements(path: Path, parts: Callable[[Any], Iterable[Any]]) -> Iterator[Line]:
    """The records that `parts` finds in the JSON values of a file, most often one, by their position."""
    found, rest, reason = decode_values(whole(path))
    lines = list(positioned(part for value in found for part in parts(value)))
    yield from lines
    if reason is not None:
        yield Line(len(lines) + 1, 0, None, reason, head_of(rest))


def document(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """The one object that a file holds, and None; or None, and the reason why it holds no object."""
    value, reason = decode_json(whole(path).lstrip())
    if reason is not None or isinstance(value, dict):
        return value, reason
    return None, "not an object"


def is_document(path: Path) -> bool:
    """Whether a file is one JSON value, not one a line."""
    return _is_document(_head(path))


def _is_document(head: bytes) -> bool:
    """Whether a file that begins so is one value: an array of objects, or an object that goes on past its first line.

    A broken first line of JSONL may look the same; but then whole records begin some other line.
    """
    first, newline, rest = head.partition(b"\n")
    if head.startswith(b"["):
        if not head[1:].lstrip().startswith(b"{"):
            return False
        suspect = decode_json(first)[1] is None
    else:
        suspect = head.startswith(b"{")
        if not suspect or not newline or decode_object(first)[0] is not None:
            return False
    others = rest.split(b"\n")[:SNIFF_LINES] if suspect else []
    return not any(line.startswith(b"{") and decode_object(line)[0] for line in others)


def _goes_on(line: bytes) -> bool:
    return len(line) == SNIFF_BYTES and not line.endswith(b"\n")


def _head(path: Path) -> bytes:
    return first_bytes(path).removeprefix(BOM).lstrip()


def _closed(head: bytes) -> Any:
    """The first JSON value of some bytes that may end anywhere: whole members are kept and open containers closed."""
    head = head.removeprefix(BOM).lstrip()
    if not head.startswith((b"{", b"[")):
        return None
    stack: list[bytes] = []
    end, closers = 0, b""
    for match in _TOKEN.finditer(head):
        token = match.group()
        if token == b'"':
            break  # a text that does not end here
        if token in _CLOSER:
            stack.append(_CLOSER[token])
            if len(stack) > _DEEPEST:
                return None
        elif token in (b"]", b"}"):
            if not stack or stack.pop() != token:
                return None
        elif token != b",":
            continue
        end = match.start() if token == b"," else match.end()
        closers = b"".join(reversed(stack))
        if not stack:
            break
    return decode_json(head[:end] + closers)[0]
