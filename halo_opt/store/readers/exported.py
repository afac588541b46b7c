"""Helpers for exports of tracing platforms: records in JSONL or one document, nested names.

Of JSONL one trace at a time is in memory.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from halo_opt.store import values
from halo_opt.store.files.lines import BOM, HEAD, Line, decode_json, decode_object, read_objects
from halo_opt.store.files.opening import OpenFiles, open_file
from halo_opt.store.readers.base import first_bytes, first_objects
from halo_opt.store.readers.documents import elements
from halo_opt.store.readers.span_trace import run_of
from halo_opt.store.rows import AttemptRow, RejectRow, SpanRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
R = TypeVar("R", AttemptRow, RejectRow, SpanRow)
# The records of one trace with their numbers in the file.
Records = list[tuple[int, dict[str, Any]]]
# A document is parsed to recognise it only up to this size.
SNIFF_DOCUMENT = 64_000_000
_SNIFFED = 20
# Lists that interfaces wrap their answers in.
_WRAPPERS = ("data", "traces", "runs", "spans", "observations")
_IS_RECORD = {"id", "info", "trace"}
_DEEPEST = 12
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def sniffed(path: Path) -> list[dict[str, Any]]:
    """The first records of a file in JSONL or one document; none where it is not JSON."""
    if not path.is_file():
        return []
    status = path.stat()
    return _sniffed(path, status.st_mtime_ns, status.st_size)


# Every reader of such exports asks for the same file in turn.
@lru_cache(maxsize=1)
def _sniffed(path: Path, _changed: int, _size: int) -> list[dict[str, Any]]:
    head = first_bytes(path).removeprefix(BOM).lstrip()
    if not head.startswith((b"{", b"[")):
        return []
    if _is_lines(path):
        lines = [record for line in first_objects(path) for record in _unwrapped(line)]
        return [record for record in lines if isinstance(record, dict)][:_SNIFFED]
    with open_file(path) as file:
        raw = file.read(SNIFF_DOCUMENT + 1)
    value = None if len(raw) > SNIFF_DOCUMENT else decode_json(raw)[0]
    inner = [record for wrapped in _unwrapped(value)[:_SNIFFED] for record in _unwrapped(wrapped)]
    return [record for record in inner if isinstance(record, dict)][:_SNIFFED]


def records(path: Path) -> Iterator[Line]:
    """Every record with its number: its line in JSONL, its position in a document."""
    return read_objects(path) if _is_lines(path) else elements(path, _unwrapped)


def by_trace(
    paths: Sequence[Path], problem_of: Callable[[Object], str | None], trace_of: Callable[[Object], str], sink: Sink
) -> Iterator[list[tuple[Path, Records]]]:
    """The records of each trace with their numbers, by file; those with a problem are rejected.

    JSONL is read twice, first for where each trace's lines are: traces may be interleaved.
    """
    places: dict[str, dict[Path, list[Line]]] = {}
    for path in paths:
        lined = _is_lines(path)
        for line in records(path):
            if line.value is None:
                sink.reject(str(path), line.number, line.reason or "no record", line.head)
            for record in _unwrapped(line.value):
                problem = _told(record, problem_of)
                if problem is not None:
                    sink.reject(str(path), line.number, problem, (values.text(record) or "null")[:HEAD])
                    continue
                place = places.setdefault(trace_of(record), {}).setdefault(path, [])
                if not place or place[-1].number != line.number:
                    place.append(line._replace(value=None) if lined else line)
    with OpenFiles() as files:
        for trace_id, by_file in places.items():
            found: list[tuple[Path, Records]] = []
            for path, lines in by_file.items():
                read = ((line.number, line.value or _line_at(files, path, line)) for line in lines)
                values_at = [(number, record) for number, value in read for record in _unwrapped(value)]
                # A file that is rewritten between the two readings may hold something else there now.
                here = [one for one in values_at if _told(one[1], problem_of) is None and trace_of(one[1]) == trace_id]
                if here:
                    found.append((path, here))
            if found:
                yield found


def _line_at(files: OpenFiles, path: Path, line: Line) -> Any:
    return decode_object(files.line(path, line.offset))[0]


class Platform(NamedTuple):
    """How records of one platform are understood.

    `problem_of` says why a record is unusable, `trace_id` which trace it belongs to, `trace_of` makes the attempt of a
    trace's records, given the run's id and the source.
    """

    name: str
    problem_of: Callable[[Object], str | None]
    trace_id: Callable[[Object], str]
    trace_of: Callable[[Records, str, str], Trace]


def import_traces(paths: Sequence[Path], sink: Sink, platform: Platform) -> None:
    """Pass every trace of some files of one folder to the sink."""
    run_id: str | None = None
    for by_file in by_trace(paths, platform.problem_of, platform.trace_id, sink):
        run_id = run_id or sink.run_of(paths[0], platform.name)
        trace = _joined(by_file, run_id, platform)
        trace.again.extend(_again(by_file))
        if sink.trace(trace):
            sink.run(run_of(trace.attempt, platform.name))


def _joined(by_file: Sequence[tuple[Path, Records]], run_id: str, platform: Platform) -> Trace:
    """The trace of records in one file or several, with the place of each span."""
    if len(by_file) == 1:
        return platform.trace_of(by_file[0][1], run_id, str(by_file[0][0]))
    places = [(str(path), line) for path, here in by_file for line, _ in here]
    records_here = [record for _, here in by_file for _, record in here]
    trace = platform.trace_of(list(enumerate(records_here)), run_id, "")
    for spans in (trace.spans, trace.rejects):
        spans[:] = [_placed(row, places) for row in spans]  # type: ignore[misc, type-var]
    trace.attempt = _placed(trace.attempt, places)
    return trace


def _placed(row: R, places: Sequence[tuple[str, int]]) -> R:
    """The row with the place of its record instead of the record's number."""
    source, line = places[row.line or 0]
    return row._replace(source=source, line=line)


def _again(by_file: Sequence[tuple[Path, Records]]) -> Iterator[tuple[str, int]]:
    """The files, each with a line, that hold no record of a trace which an earlier file does not hold too."""
    seen: set[bytes] = set()
    for path, here in by_file if len(by_file) > 1 else ():
        hashes = {hashlib.sha256(repr(record).encode("utf-8", "replace")).digest() for _, record in here}
        if hashes <= seen:
            yield str(path), here[0][0]
        seen |= hashes


def _told(record: Any, problem_of: Callable[[Object], str | None]) -> str | None:
    return problem_of(record) if isinstance(record, dict) else "not an object"


def _is_lines(path: Path) -> bool:
    """Whether each line is a record: not when the first line is an array or only the beginning of something."""
    with open_file(path) as file:
        rest = (raw for raw in file if raw.strip())
        first = next(rest, b"").removeprefix(BOM).lstrip()
        value, reason = decode_json(first)
        if isinstance(value, dict):
            # A wrapped answer on one line is a document: as a line it would be read again for each of its traces.
            return _unwrapped(value)[0] is value or next(rest, None) is not None
        if reason is None:
            return not (isinstance(value, list) and any(isinstance(item, dict) for item in value))
        if first.startswith(b"{"):
            # Of a document that is spread over lines the second one is no object; of JSONL the first may be damaged.
            return next(rest, b"{").startswith(b"{")
        return not first.startswith(b"[")


def _unwrapped(value: Any) -> list[Any]:
    """The records in a document: those of a list, those that an answer of an interface wraps, or the one."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        # A record may hold a list of that name itself; "traces" is in no record.
        names = ("traces",) if _IS_RECORD & value.keys() else _WRAPPERS
        for name in names:
            if isinstance(value.get(name), list) and value[name]:
                return list(value[name])
    return [] if value is None else [value]


def flat(value: Object, prefix: str = "") -> dict[str, Any]:
    """Nested objects and lists of objects under dotted names (`llm.input_messages.0.message.role`), without nulls."""
    found: dict[str, Any] = {}
    _flatten(value, prefix, 0, found)
    return found


def _flatten(value: Any, name: str, depth: int, found: dict[str, Any]) -> None:
    pairs: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict) and depth < _DEEPEST:
        pairs = list(value.items())
    elif isinstance(value, list) and depth < _DEEPEST and any(isinstance(item, dict) for item in value):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        _flatten(inner, f"{name}.{key}" if name else str(key), depth + 1, found)
    if not pairs and value is not None and name:
        found[name] = value


def opened(value: Any) -> Any:
    """The value of a JSON text; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
        return value
    decoded, reason = decode_json(value.encode("utf-8", "replace"))
    return value if reason is not None else decoded


def text_id(value: Any) -> str | None:
    """An id as text, also from a number; None for what cannot be one."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def an_object(value: Any) -> Object:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def without_nulls(attributes: Object) -> dict[str, Any]:
    """The attributes that have a value."""
    return {name: value for name, value in attributes.items() if value is not None}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def snaked(record: Object) -> dict[str, Any]:
    """The record with its own names (not those deeper inside) in snake_case: interfaces and bulk exports differ."""
    return {_snake(str(name)): value for name, value in record.items()}


# The same few names come in every record.
@lru_cache(maxsize=1024)
def _snake(name: str) -> str:
    return _HUMP.sub(r"_\1", name).lower()
