"""Flat span JSONL as parsed spans, grouped by trace with one trace in memory at a time.

Ids may have any length (the HALO engine writes 24 hex digits where OpenTelemetry has 16), attributes any values.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def each_once(spans: Sequence[Span]) -> tuple[list[Span], list[Span]]:
    """The spans of one trace without repeated ids, and the copies that contradict the one that is kept.

    Programs write a span when it starts and again when it has ended, and files are copied and sent again. Earlier
    states and equal copies of the kept span are not returned.
    """
    copies: dict[str, list[Span]] = {}
    for span in spans:
        copies.setdefault(span.span_id, []).append(span)
    if len(copies) == len(spans):
        return list(spans), []
    kept: list[Span] = []
    contradicting: list[Span] = []
    for group in copies.values():
        best = best_copy(group)
        kept.append(best)
        contradicting += [span for span in group if contradicts(span, best)]
    return kept, contradicting


def best_copy(copies: Sequence[Span]) -> Span:
    """The copy of a span that says most of how it ended, whatever the order of the copies.

    An ended one comes first, then one with a status, the latest end, most attributes. Among copies that agree in all
    this the text decides, so that any order of the same copies gives the same span.
    """
    if len(copies) == 1:
        return copies[0]
    ranked = sorted(copies, key=_state, reverse=True)
    equals = [span for span in ranked if _state(span) == _state(ranked[0])]
    return min(equals, key=lambda span: (_content_text(span), span.source, span.line))


def contradicts(copy: Span, best: Span) -> bool:
    """Whether a copy of a span is neither equal to the best one nor an earlier state of it."""
    if copy is best or _content(copy) == _content(best):
        return False
    if (best.ended_at and not copy.ended_at) or (copy.status == "unset" and best.status != "unset"):
        return False
    if any(best.attributes.get(name) != value for name, value in copy.attributes.items()):
        return True
    return copy.ended_at == best.ended_at and len(copy.attributes) == len(best.attributes)


def _state(span: Span) -> tuple[bool, bool, str, int]:
    return bool(span.ended_at), span.status != "unset", span.ended_at or "", len(span.attributes)


def _content(span: Span) -> tuple[Any, ...]:
    own = (span.parent_span_id, span.name, span.started_at, span.ended_at, span.status, span.status_message)
    return (*own, span.attributes, span.resource, span.scope)


def _content_text(span: Span) -> str:
    return json.dumps(_content(span), sort_keys=True, default=str)


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
