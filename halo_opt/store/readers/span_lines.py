"""Flat span JSONL as parsed spans, grouped by trace with one trace in memory at a time.

Ids may have any length (the HALO engine writes 24 hex digits where OpenTelemetry has 16), attributes any values.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from halo_opt.store import values
from halo_opt.store.files.lines import decode_object, head_of, read_objects
from halo_opt.store.files.opening import is_packed, open_seekable

Attributes = Mapping[str, Any]
Reject = Callable[[str, int, str, str], None]

STATUS = {"STATUS_CODE_OK": "ok", "OK": "ok", "1": "ok", "STATUS_CODE_ERROR": "error", "ERROR": "error", "2": "error"}


@dataclass(frozen=True, slots=True)
class Span:
    """One span of a file. Times are UTC text or None; `line` is the number of its line."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    started_at: str | None
    ended_at: str | None
    status: str
    status_message: str | None
    attributes: Attributes
    resource: Attributes
    scope: Attributes
    source: str
    line: int
    byte_offset: int | None = None
    byte_length: int | None = None


def traces_of(path: Path, reject: Reject) -> Iterator[tuple[str, list[Span]]]:
    """(trace id, its spans in file order) for every trace of a file, in the order of their first spans.

    The file is read twice, first for where each trace's lines are: traces may be interleaved, and holding all of a
    large file's spans at once would cost several times its size in memory.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    for line in read_objects(path):
        problem = line.reason if line.value is None else problem_of(line.value)
        if line.value is None or problem is not None:
            reject(str(path), line.number, problem or "no span", line.head or str(line.value)[:200])
            continue
        places.setdefault(line.value["trace_id"], []).append((line.offset, line.number))
    packed = is_packed(path)
    with open_seekable(path) as file:
        for trace_id, spots in places.items():
            spans = list(_spans_at(file, spots, str(path), reject, packed=packed))
            if spans:
                yield trace_id, spans


def _spans_at(
    file: BinaryIO, spots: list[tuple[int, int]], source: str, reject: Reject, *, packed: bool
) -> Iterator[Span]:
    for offset, number in spots:
        file.seek(offset)
        raw = file.readline()
        record, _ = decode_object(raw)
        # A file that is rewritten between the two readings may hold something else there now.
        if record is not None and problem_of(record) is None:
            if packed:
                yield span_of(record, source, number)
            else:
                length = len(raw.rstrip(b"\r\n"))
                yield span_of(record, source, number, byte_offset=offset, byte_length=length)
        else:
            reject(source, number, "the file changed while it was read", head_of(raw))


def problem_of(record: Mapping[str, Any]) -> str | None:
    """Why an object is not a span, or None when it is one."""
    for name in ("trace_id", "span_id"):
        if name not in record:
            return f"missing field {name}"
        if not isinstance(record[name], str) or not record[name]:
            return f"wrong type: {name} is not text"
    return None


def span_of(
    record: Mapping[str, Any],
    source: str,
    line: int,
    *,
    byte_offset: int | None = None,
    byte_length: int | None = None,
) -> Span:
    """The span of a JSON object for which `problem_of` is None."""
    status = record.get("status")
    code, message = (status.get("code"), status.get("message")) if isinstance(status, dict) else (status, None)
    resource = _object(record.get("resource"))
    return Span(
        trace_id=record["trace_id"],
        span_id=record["span_id"],
        parent_span_id=values.text(record.get("parent_span_id")) or "",
        name=values.text(record.get("name")) or "",
        started_at=values.time(record.get("start_time")),
        ended_at=values.time(record.get("end_time")),
        status=STATUS.get(str(code).upper(), "unset"),
        status_message=values.text(message) or None,
        attributes=_object(record.get("attributes")),
        resource=_object(resource.get("attributes")) or resource,
        scope=_object(record.get("scope")),
        source=source,
        line=line,
        byte_offset=byte_offset,
        byte_length=byte_length,
    )


def _object(value: Any) -> Attributes:
    return value if isinstance(value, dict) else {}
