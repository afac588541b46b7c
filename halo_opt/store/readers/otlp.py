"""Reader for OTLP JSON, as collectors and exporters write it: one document, an array of them, or one a line.

Spans as OpenTelemetry's Python SDK prints them to a console (`span.to_json()`) are read as well.

The spans of a trace may be spread over the lines of a file and over several files of one folder. A trace is handed on
when its last line is read, so memory holds the traces under way and not the files.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import HEAD, Line
from halo_opt.store.files.opening import open_file
from halo_opt.store.readers.base import FolderReader
from halo_opt.store.readers.documents import is_document, leading_objects, records
from halo_opt.store.readers.span_events import EVALUATION, Event, attributes_of_events
from halo_opt.store.readers.span_lines import Reject, Span, by_run, problem_of, span_of
from halo_opt.store.readers.span_trace import run_of, trace_of
from halo_opt.store.rows import ScoreRow, SpanRow
from halo_opt.store.sink import Sink

_TRACE_ID = re.compile(rb'"trace_?[iI]d"\s*:\s*"([^"]*)"')
_HEX = re.compile(r"[0-9a-fA-F]+")
_NAMES = ("internal", "server", "client", "producer", "consumer")
_KINDS = {key: name for n, name in enumerate(_NAMES, start=1) for key in (str(n), name.upper())}
_PLAIN = ("stringvalue", "boolvalue", "doublevalue", "bytesvalue")
_CONSOLE_KIND = "SpanKind."
_OK = ("1", "OK", "STATUS_CODE_OK")


class OtlpReader(FolderReader):
    """OTLP JSON files."""

    name = "otlp"
    meaning = (
        "OTLP JSON, documents or lines of {resourceSpans: [{scopeSpans: [{spans: [...]}]}]}, or spans as Python's"
        " ConsoleSpanExporter prints them"
    )

    def sniff(self, path: Path) -> bool:
        """Whether the file begins with a record of resource spans."""
        return path.is_file() and any(_batches(record) is not None for record in leading_objects(path))

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder. A run for each run id, else one named after file or folder."""
        own_name = sink.run_of(paths[0], self.name)
        for found in _traces(paths, sink.reject):
            spans = found if sink.names is None else sink.names.spans(found)
            for part in by_run(spans):
                trace = trace_of(part, run_id=own_name)
                trace.scores.extend(score for span in trace.spans for score in _evaluations(span))
                if sink.trace(trace):
                    sink.run(run_of(trace.attempt, self.name))


def _batches(record: Mapping[str, Any]) -> list[Any] | None:
    """The resource spans of a record, None where it has none. Grafana Tempo calls them batches, or wraps them."""
    if str(record.get("kind")).startswith(_CONSOLE_KIND) and isinstance(record.get("context"), dict):
        return [{"resource": record.get("resource"), "scopeSpans": [{"spans": [_of_console(record)]}]}]
    place = record["trace"] if isinstance(record.get("trace"), dict) else record
    found = _get(place, "resourceSpans", "resource_spans")
    if found is None and isinstance(place.get("batches"), list):
        found = place["batches"]
        if not all(isinstance(batch, dict) and "resource" in batch for batch in found):
            return None
    return found if isinstance(found, list) else None


def _of_console(record: Mapping[str, Any]) -> dict[str, Any]:
    """A span that Python's SDK printed to a console, under the names of OTLP."""
    status, context = values.an_object(record.get("status")), record["context"]
    return {
        **record,
        "trace_id": context.get("trace_id"),
        "span_id": context.get("span_id"),
        "parent_span_id": record.get("parent_id"),
        "kind": str(record["kind"]).removeprefix(_CONSOLE_KIND),
        "status": {"code": status.get("status_code"), "message": status.get("description")},
    }


def _traces(paths: Sequence[Path], reject: Reject) -> Iterator[list[Span]]:
    """The spans of each trace, in the order in which the traces end in the files."""
    last = {} if len(paths) == 1 and is_document(paths[0]) else _last_lines(paths)
    open_traces: dict[str, list[Span]] = {}
    for path in paths:
        document = is_document(path)
        # Of a document the numbers of records and of lines are not the same.
        here: set[str] = set()
        numbers = count(1)
        for line in records(path):
            here = here if document else set()
            for span in _spans(line, path, reject, numbers if document else None):
                here.add(span.trace_id)
                open_traces.setdefault(span.trace_id, []).append(span)
            for trace_id in () if document else here:
                if last.get(trace_id) == (path, line.number):
                    yield open_traces.pop(trace_id)
        for trace_id in here if document else ():
            if last.get(trace_id, (None, 0))[0] == path:
                yield open_traces.pop(trace_id)
    yield from open_traces.values()


def _last_lines(paths: Sequence[Path]) -> dict[str, tuple[Path, int]]:
    """The last line that names each trace, found without parsing."""
    last: dict[str, tuple[Path, int]] = {}
    for path in paths:
        with open_file(path) as file:
            for number, raw in enumerate(file, start=1):
                for found in set(_TRACE_ID.findall(raw)):
                    last[_id(found.decode("utf-8", "replace"))] = (path, number)
    return last


def _spans(line: Line, path: Path, reject: Reject, numbers: Iterator[int] | None) -> Iterator[Span]:
    """The spans of a record; `numbers` gives their places, where the file is no list of lines."""
    batches = None if line.value is None else _batches(line.value)
    if line.value is None or batches is None:
        reject(str(path), line.number, line.reason or "holds no resourceSpans", line.head or str(line.value)[:HEAD])
        return
    for raw, resource, scope in _raw_spans(batches):
        place = line.number if numbers is None else next(numbers)
        try:
            record = _record(raw, resource, scope) if isinstance(raw, dict) else None
            problem = "span is not an object" if record is None else problem_of(record)
            if record is not None and problem is None:
                yield span_of(record, str(path), place)
        except RecursionError:
            problem = "nested too deeply"
        if problem is not None:
            reject(str(path), place, problem, str(raw)[:HEAD] if isinstance(raw, dict) else "")


def _raw_spans(batches: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(span, resource, scope) of all spans in resource spans of this and older layouts."""
    for batch in _objects(batches):
        groups = _get(
            batch, "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"
        )
        for group in _objects(groups):
            scope = _get(group, "scope", "instrumentationLibrary", "instrumentation_library")
            spans = group.get("spans")
            for span in spans if isinstance(spans, list) else []:
                yield span, batch.get("resource"), scope


def _record(raw: Mapping[str, Any], resource: Any, scope: Any) -> dict[str, Any]:
    """A span in the flat layout of span lines."""
    status = values.an_object(raw.get("status"))
    ended_well = str(status.get("code")).upper() in _OK
    events = [
        Event(values.text(e.get("name")) or "", _time(e, "time", "timestamp"), _attributes(e.get("attributes")))
        for e in _objects(raw.get("events"))
    ]
    from_events = attributes_of_events(events, ended_well=ended_well)
    rest = {
        "otlp.kind": _KINDS.get(str(raw.get("kind")).upper().removeprefix("SPAN_KIND_")),
        "otlp.events": [event._asdict() for event in from_events.rest],
        "otlp.links": raw.get("links"),
        "otlp.trace_state": _get(raw, "traceState", "trace_state"),
    }
    return {
        "trace_id": _id(_get(raw, "traceId", "trace_id")),
        "span_id": _id(_get(raw, "spanId", "span_id")),
        "parent_span_id": _parent(_id(_get(raw, "parentSpanId", "parent_span_id"))),
        "name": raw.get("name"),
        "start_time": _time(raw, "startTime", "start_time"),
        "end_time": _time(raw, "endTime", "end_time"),
        "status": {"code": status.get("code"), "message": status.get("message") or from_events.exception},
        "resource": {"attributes": _attributes(values.an_object(resource).get("attributes"))},
        "scope": {
            name: value for name, value in values.an_object(scope).items() if name in ("name", "version") and value
        },
        "attributes": {
            **from_events.attributes,
            **{name: value for name, value in rest.items() if value},
            **_attributes(raw.get("attributes")),
        },
    }


def _time(raw: Mapping[str, Any], *names: str) -> str | None:
    """The time under the first of some names; None for 0, which exporters write for an unknown time."""
    spelled = [f"{name}{ending}" for name in names for ending in ("UnixNano", "_unix_nano")]
    return values.time(_get(raw, *spelled, *names))


def _attributes(listed: Any) -> dict[str, Any]:
    """Attributes from a list of {key, value}, or from an object, as some exporters write them."""
    if isinstance(listed, dict):
        return {name: _value(value) for name, value in listed.items()}
    pairs = {values.text(pair.get("key")) or "": _value(pair.get("value")) for pair in _objects(listed)}
    return {name: value for name, value in pairs.items() if value is not None}


def _value(value: Any) -> Any:
    """A typed value as a plain one; whatever is not typed stays as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return None if value == {} else value
    [(kind, inner)] = value.items()
    items = inner.get("values") if isinstance(inner, dict) else inner
    kind = kind.replace("_", "").lower()
    if kind == "arrayvalue":
        return [_value(item) for item in items] if isinstance(items, list) else []
    if kind == "kvlistvalue":
        return _attributes(items)
    if kind == "intvalue":
        number = values.integer(inner)
        return inner if number is None else number
    return inner if kind in _PLAIN else value


def _id(value: Any) -> Any:
    """An id as hex digits, also where it came as base64; any other text stays as it is."""
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("0x")
    if _HEX.fullmatch(digits):
        return digits.lower()
    try:
        raw = base64.b64decode(value, altchars=b"-_" if set("-_") & set(value) else None, validate=True)
    except (binascii.Error, ValueError):
        return value
    return raw.hex() if len(raw) in (8, 16) else value


def _parent(value: Any) -> str:
    text = values.text(value) or ""
    return "" if not text.strip("0") else text


def _evaluations(span: SpanRow) -> Iterator[ScoreRow]:
    """The scores in a span's evaluation events."""
    events = span.attributes.get("otlp.events")
    for event in _objects(events):
        attributes = event.get("attributes")
        if event.get("name") == EVALUATION and isinstance(attributes, dict):
            yield ScoreRow(
                span.trace_id,
                values.text(attributes.get("gen_ai.evaluation.name")) or "evaluation",
                values.number(attributes.get("gen_ai.evaluation.score.value")),
                values.text(attributes.get("gen_ai.evaluation.score.label")),
                "trace",
            )


def _get(place: Mapping[str, Any], *names: str) -> Any:
    return next((place[name] for name in names if place.get(name) is not None), None)


def _objects(listed: Any) -> list[dict[str, Any]]:
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
