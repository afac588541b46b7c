"""Export as OTLP JSON: a line of resource spans per attempt, as the OpenTelemetry collector's file exporter writes.

OTLP ids have 32 and 16 hex digits. Other ids are replaced by a hash of themselves and kept as attributes.
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

from halo_opt.store.export.records import SpanRecord, encoded
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.span_lines import STATUS
from halo_opt.store.rows import ScoreRow

_KINDS = {name: n for n, name in enumerate(("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"), start=1)}
_STATUS = {"unset": 0, "ok": 1, "error": 2}
_LISTED = {
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "start_time",
    "end_time",
    "status",
    "resource",
    "scope",
    "attributes",
}
# What the reader of OTLP keeps of a span beyond the flat layout, as attributes.
_KIND, _EVENTS, _LINKS, _STATE = "otlp.kind", "otlp.events", "otlp.links", "otlp.trace_state"
_EVALUATION = "gen_ai.evaluation.result"
_HEX = re.compile(r"[0-9a-fA-F]+")
_FRACTION = re.compile(r"\d[.,](\d{1,9})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63


def write_trace(file: BinaryIO, records: Sequence[SpanRecord], scores: Sequence[ScoreRow]) -> int:
    """The spans of one attempt, grouped by resource and scope, with scores beside the reward as events of its root.

    Returns how many scores are left out: readers take a lone evaluation for the outcome where nothing else tells it.
    """
    groups: dict[bytes, dict[bytes, list[dict[str, Any]]]] = {}
    resources: dict[bytes, Any] = {}
    judged = [_evaluation(score) for score in scores if score.name != "reward" and score.source != "trace"]
    stated = [(_object(record.value.get("attributes")), _resource(record.value)) for record in records]
    lone = len(judged) == 1 and all(names.outcome_of(*found) == (None, None) for found in stated)
    left_out, judged = (len(judged), []) if lone else (0, judged)
    for record in records:
        value = record.value
        resource, scope = _resource(value), _object(value.get("scope"))
        key, inner = encoded(resource), encoded(scope)
        resources.update({key: resource, inner: scope})
        root = not value.get("parent_span_id")
        groups.setdefault(key, {}).setdefault(inner, []).append(_span(value, judged if root else []))
        judged = [] if root else judged
    batches = []
    for key, scopes in groups.items():
        scope_spans = [{"scope": _scope(resources[inner]), "spans": spans} for inner, spans in scopes.items()]
        batches.append({"resource": {"attributes": _attributes(resources[key])}, "scopeSpans": scope_spans})
    file.write(encoded({"resourceSpans": batches}) + b"\n")
    return left_out + len(judged)


def _span(value: Mapping[str, Any], judged: list[dict[str, Any]]) -> dict[str, Any]:
    attributes = dict(_object(value.get("attributes")))
    kind, events, links = attributes.pop(_KIND, None), attributes.pop(_EVENTS, None), attributes.pop(_LINKS, None)
    state = attributes.pop(_STATE, None)
    spelled = str(kind or value.get("kind") or "").upper().removeprefix("SPAN_KIND_")
    attributes.update({f"span.{name}": found for name, found in value.items() if name not in _LISTED})
    ids = {name: str(value.get(name) or "") for name in ("trace_id", "span_id", "parent_span_id")}
    attributes.update(
        {f"halo.{name}": found for name, found in ids.items() if found and _hex(found, name) != found.lower()}
    )
    status = value.get("status")
    code, message = (status.get("code"), status.get("message")) if isinstance(status, dict) else (status, None)
    span = {
        "traceId": _hex(ids["trace_id"], "trace_id"),
        "spanId": _hex(ids["span_id"], "span_id"),
        "parentSpanId": _hex(ids["parent_span_id"], "parent_span_id") if ids["parent_span_id"] else "",
        "name": "" if value.get("name") is None else str(value["name"]),
        "kind": _KINDS.get(spelled, 1),
        "startTimeUnixNano": str(_nanoseconds(value.get("start_time"))),
        "endTimeUnixNano": str(_nanoseconds(value.get("end_time"))),
        "attributes": _attributes(attributes),
        "status": {
            "code": _STATUS[STATUS.get(str(code).upper(), "unset")],
            **({"message": message} if message else {}),
        },
    }
    found = [_event(event) for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    optional = {"events": [*found, *judged], "links": links, "traceState": state}
    return {**span, **{name: part for name, part in optional.items() if part}}


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timeUnixNano": str(_nanoseconds(event.get("time"))),
        "name": str(event.get("name") or ""),
        "attributes": _attributes(_object(event.get("attributes"))),
    }


def _evaluation(score: ScoreRow) -> dict[str, Any]:
    """A judgement as OpenTelemetry's event for one."""
    attributes = {
        "gen_ai.evaluation.name": score.name,
        "gen_ai.evaluation.score.value": score.value,
        "gen_ai.evaluation.score.label": score.label,
        "gen_ai.evaluation.explanation": f"given by {score.source}",
    }
    return _event({"name": _EVALUATION, "attributes": {name: v for name, v in attributes.items() if v is not None}})


def _resource(value: Mapping[str, Any]) -> Mapping[str, Any]:
    resource = _object(value.get("resource"))
    return _object(resource.get("attributes")) or resource


def _scope(scope: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: str(scope[name]) for name in ("name", "version") if scope.get(name)}
    rest = {name: value for name, value in scope.items() if name not in ("name", "version", "attributes")}
    rest.update(_object(scope.get("attributes")))
    return {**named, **({"attributes": _attributes(rest)} if rest else {})}


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    """A value with its type; a whole number beyond 64 bits, which OTLP has not, as text."""
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(value)}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else str(value)}
    return {} if value is None else {"stringValue": str(value)}


def _hex(text: str, name: str) -> str:
    """An id as OTLP wants it; a UUID loses its dashes, any other text is hashed."""
    length = 32 if name == "trace_id" else 16
    plain = text.replace("-", "").lower() if name == "trace_id" else text.lower()
    if len(plain) == length and _HEX.fullmatch(plain) and plain.strip("0"):
        return plain
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]


def _nanoseconds(time: Any) -> int:
    """Nanoseconds since 1970 of a time as text or as a count of them; 0, which means unknown, for anything else."""
    try:
        if not isinstance(time, str) or time.isdigit():
            return max(0, int(time))
        moment = datetime.fromisoformat(time)
        fraction = _FRACTION.search(time)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0) - _EPOCH
        whole = (seconds.days * 86_400 + seconds.seconds) * 1_000_000_000
        return max(0, whole + (int(fraction.group(1).ljust(9, "0")) if fraction else 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
