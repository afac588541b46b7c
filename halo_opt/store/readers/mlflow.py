"""Reader for MLflow trace exports: {info, data: {spans}} of schema 2 and 3, JSONL or one JSON document.

Attribute values are JSON texts there and are decoded. Ids that schema 3 keeps in base64 stay as they are. A trace's
assessments count where its `info` holds them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.base import FolderReader
from halo_opt.store.readers.chat_attributes import input_attributes, output_attributes
from halo_opt.store.readers.exported import (
    Object,
    Platform,
    Records,
    an_object,
    flat,
    import_traces,
    objects,
    opened,
    sniffed,
    text_id,
    without_nulls,
)
from halo_opt.store.readers.judged import Judgement, judged, judgement
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.span_trace import trace_of
from halo_opt.store.rows import Trace
from halo_opt.store.sink import Sink

_MODEL_KINDS = ("LLM", "CHAT_MODEL")
_STATUS = {"OK": "ok", "STATUS_CODE_OK": "ok", "ERROR": "error", "STATUS_CODE_ERROR": "error"}
_IN, _OUT, _KIND = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
_USAGE, _COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"
_MODELS = ("mlflow.llm.model", "mlflow.chat.model")
_COMMIT = "mlflow.source.git.commit"


class MlflowReader(FolderReader):
    """MLflow trace exports."""

    name = "mlflow"
    meaning = "MLflow traces, JSONL or JSON of {info: {trace_id, state, ...}, data: {spans: [...]}}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records is a trace with info and spans."""
        return any(_problem(record) is None for record in sniffed(path))

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder."""
        import_traces(paths, sink, Platform(self.name, _problem, _trace_id, _trace))


def _problem(record: Object) -> str | None:
    """Why a record is not a trace, or None."""
    info = an_object(record.get("info"))
    if text_id(info.get("trace_id")) is None and text_id(info.get("request_id")) is None:
        return "missing field info.trace_id"
    return None if _spans(record) else "a trace without spans"


def _trace_id(record: Object) -> str:
    info = an_object(record["info"])
    return text_id(info.get("trace_id")) or text_id(info.get("request_id")) or ""


def _spans(record: Object) -> list[dict[str, Any]]:
    """The spans that have an id."""
    return [span for span in objects(an_object(record.get("data")).get("spans")) if _span_id(span)]


def _span_id(span: Object) -> str | None:
    return text_id(span.get("span_id")) or text_id(an_object(span.get("context")).get("span_id"))


def _trace(records: Records, run_id: str, source: str) -> Trace:
    line, record = records[-1]
    info, trace_id = an_object(record["info"]), _trace_id(record)
    spans = [_span(span, info, trace_id, source, line) for span in _spans(record)]
    trace = judged(trace_of(spans, run_id=run_id), list(_assessments(info)))
    if not trace.attempt.started_at:
        begun = values.time(info.get("request_time") or info.get("timestamp_ms"))
        trace.attempt = trace.attempt._replace(started_at=begun)
    return trace


def _span(span: Object, info: Object, trace_id: str, source: str, line: int) -> Span:
    parent = text_id(span.get("parent_span_id")) or text_id(span.get("parent_id")) or ""
    raw = {str(name): opened(value) for name, value in an_object(span.get("attributes")).items()}
    status = span.get("status")
    code = an_object(status).get("code") if isinstance(status, dict) else span.get("status_code", status)
    message = an_object(status).get("message") if isinstance(status, dict) else span.get("status_message")
    metadata = an_object(info.get("trace_metadata") or info.get("request_metadata"))
    events = objects(span.get("events"))
    attributes = _attributes(raw) | ({"mlflow.events": events} if events else {})
    return Span(
        trace_id,
        _span_id(span) or "",
        parent,
        values.text(span.get("name")) or "",
        values.time(span.get("start_time_unix_nano", span.get("start_time"))),
        values.time(span.get("end_time_unix_nano", span.get("end_time"))),
        _STATUS.get(str(code).upper(), "unset"),
        values.text(message) or None,
        attributes if parent else {**attributes, **_facts(info, metadata)},
        without_nulls({"service.version": metadata.get(_COMMIT) or None}),
        {},
        source,
        line,
    )


def _attributes(raw: dict[str, Any]) -> dict[str, Any]:
    """MLflow's attributes by their standard names where there are some, all others as they are."""
    kind = str(raw.get(_KIND) or "").upper().replace("UNKNOWN", "")
    rest = {name: value for name, value in raw.items() if name not in (_IN, _OUT, _KIND)}
    found = {"openinference.span.kind": "LLM" if kind in _MODEL_KINDS else kind or None}
    if kind in _MODEL_KINDS:
        usage, cost = an_object(raw.get(_USAGE)), an_object(raw.get(_COST))
        found |= input_attributes(raw.get(_IN)) | output_attributes(raw.get(_OUT))
        found["gen_ai.request.model"] = next((raw[name] for name in _MODELS if raw.get(name)), None) or _asked(raw)
        found["gen_ai.usage.input_tokens"] = usage.get("input_tokens")
        found["gen_ai.usage.output_tokens"] = usage.get("output_tokens")
        found["gen_ai.usage.cost"] = cost.get("total_cost")
    else:
        found["input.value"], found["output.value"] = _words(raw.get(_IN)), _words(raw.get(_OUT))
    return without_nulls(found) | rest


def _asked(raw: Object) -> Any:
    """The model named in the inputs of the call."""
    return an_object(raw.get(_IN)).get("model")


def _words(value: Any) -> str | None:
    """The text of a span's inputs, a function's arguments by name: of one text argument alone, that text."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return values.text(value)


def _facts(info: Object, metadata: Object) -> dict[str, Any]:
    """The attributes of the trace itself; its tags and metadata may name the task."""
    tags = an_object(info.get("tags"))
    names = ("state", "status", "execution_duration", "execution_duration_ms", "execution_time_ms", "trace_location")
    plain = {name: value for name, value in {**metadata, **tags}.items() if not str(name).startswith("mlflow.")}
    own = {"tags": tags or None, "trace_metadata": metadata or None, **{name: info.get(name) for name in names}}
    return without_nulls({f"mlflow.{name}": value for name, value in own.items()}) | flat({"metadata": plain})


def _assessments(info: Object) -> Iterator[Judgement]:
    """Feedback, that of a single span marked as such; expectations are what should be, not what was."""
    for note in objects(info.get("assessments")):
        if "feedback" not in note or note.get("valid") is False:
            continue
        feedback = an_object(note["feedback"])
        who = " ".join(["mlflow", *filter(None, [text_id(an_object(note.get("source")).get("source_type"))])])
        name = note.get("assessment_name") or note.get("name")
        found = judgement(name, feedback.get("value"), who, whole=not note.get("span_id"))
        if found is not None:
            yield found
