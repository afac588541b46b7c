"""Flat span JSONL as parsed spans, grouped by trace with one trace in memory at a time.

Ids may have any length (the HALO engine writes 24 hex digits where OpenTelemetry has 16), attributes any values.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.files.lines import decode_object, head_of, read_objects
from halo_opt.store.files.opening import OpenFiles

Attributes = Mapping[str, Any]
Reject = Callable[[str, int, str, str], None]

_FIELDS = {
    *("trace_id", "span_id", "parent_span_id", "name", "kind", "start_time", "end_time", "status", "attributes"),
    *("resource", "scope", "events", "links", "trace_state"),
}
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


class _Spot(NamedTuple):
    """The place of a span's line."""

    path: Path
    offset: int
    line: int


def traces_of(paths: Sequence[Path], reject: Reject, *, own_fields: bool = False) -> Iterator[tuple[str, list[Span]]]:
    """(trace id, its spans in the order of the files) for every trace of some files, in the order of first spans.

    With `own_fields` the fields of a line that no span has are among its span's attributes.

    The files are read twice, first for where each trace's lines are: traces may be interleaved, and holding all spans
    of large files at once would cost several times their size in memory.
    """
    spots: dict[str, list[_Spot]] = {}
    for path in paths:
        for line in read_objects(path):
            problem = line.reason if line.value is None else problem_of(line.value)
            if line.value is None or problem is not None:
                reject(str(path), line.number, problem or "no span", line.head or str(line.value)[:200])
                continue
            spots.setdefault(line.value["trace_id"], []).append(_Spot(path, line.offset, line.number))
    with OpenFiles() as files:
        for trace_id, places in spots.items():
            spans = list(_spans_at(files, places, reject, own_fields=own_fields))
            if spans:
                yield trace_id, spans


def _spans_at(files: OpenFiles, spots: Sequence[_Spot], reject: Reject, *, own_fields: bool) -> Iterator[Span]:
    for path, offset, number in spots:
        raw = files.line(path, offset)
        record, _ = decode_object(raw)
        # A file that is rewritten between the two readings may hold something else there now.
        if record is None or problem_of(record) is not None:
            reject(str(path), number, "the file changed while it was read", head_of(raw))
            continue
        if own_fields:
            record = _with_own_fields(record)
        if files.is_packed(path):
            yield span_of(record, str(path), number)
        else:
            length = len(raw.rstrip(b"\r\n"))
            yield span_of(record, str(path), number, byte_offset=offset, byte_length=length)


def by_run(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans of one trace id by the runs that they name: programs may give traces of different runs one id.

    Spans that name no run belong to the first.
    """
    runs = [span.resource.get("halo.run_id") for span in spans]
    named = list(dict.fromkeys(run for run in runs if isinstance(run, str)))
    if len(named) < 2:
        return [list(spans)]
    found: dict[str, list[Span]] = {run: [] for run in named}
    for span, run in zip(spans, runs, strict=True):
        found[run if isinstance(run, str) else named[0]].append(span)
    return list(found.values())


def files_again(spans: Sequence[Span]) -> Iterator[tuple[str, int]]:
    """The files, each with a line, that hold no span of a trace which an earlier file does not hold too."""
    seen: set[str] = set()
    for source in dict.fromkeys(span.source for span in spans):
        here = [span for span in spans if span.source == source]
        ids = {span.span_id for span in here}
        if ids <= seen:
            yield source, here[0].line
        seen |= ids


def _with_own_fields(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the fields that no span has among its attributes."""
    own = {name: value for name, value in record.items() if name not in _FIELDS}
    return {**record, "attributes": {**own, **values.an_object(record.get("attributes"))}}


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
    resource = values.an_object(record.get("resource"))
    return Span(
        trace_id=record["trace_id"],
        span_id=record["span_id"],
        parent_span_id=values.text(record.get("parent_span_id")) or "",
        name=values.text(record.get("name")) or "",
        started_at=values.time(record.get("start_time")),
        ended_at=values.time(record.get("end_time")),
        status=STATUS.get(str(code).upper(), "unset"),
        status_message=values.text(message) or None,
        attributes=values.an_object(record.get("attributes")),
        resource=values.an_object(resource.get("attributes")) or resource,
        scope=values.an_object(record.get("scope")),
        source=source,
        line=line,
        byte_offset=byte_offset,
        byte_length=byte_length,
    )
