"""Reader for LangSmith run exports: runs in JSONL or one JSON document, flat or with `child_runs` inside.

A trace is an attempt. Its dataset example, where it has one, is its task. Streamed tokens are not kept: the outputs
hold them as a whole. A trace may be spread over several files of one folder.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.base import FolderReader
from halo_opt.store.readers.chat_attributes import chat, input_attributes, output_attributes
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

_JSON = ("inputs", "outputs", "extra", "feedback_stats", "events")
# What becomes a column or has a standard name; everything else is kept as `langsmith.<name>`.
_USED = {
    "id",
    "trace_id",
    "parent_run_id",
    "name",
    "run_type",
    "start_time",
    "end_time",
    "error",
    "inputs",
    "outputs",
    "extra",
    "events",
    "child_runs",
    "feedback_stats",
}
_DEEPEST = 50
_SUMS = {
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "total_cost": "gen_ai.usage.cost",
}
# Where a chain's one text is all that it was given or gave.
_TEXTS = ("input", "output", "question", "query", "answer", "result")


class LangSmithReader(FolderReader):
    """LangSmith run exports."""

    name = "langsmith"
    meaning = "LangSmith runs, JSONL or JSON of {id, trace_id, parent_run_id, run_type, inputs, outputs, ...}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records is a run."""
        return any(
            {"id", "run_type"} <= record.keys() and ("dotted_order" in record or "start_time" in record)
            for record in sniffed(path)
        )

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder."""
        import_traces(paths, sink, Platform(self.name, _problem, _trace_id, _trace))


def _problem(record: Object) -> str | None:
    """Why a record is not a run, or None."""
    if text_id(record.get("id")) is None:
        return "missing field id"
    return None if isinstance(record.get("run_type"), str) else "missing field run_type"


def _trace_id(record: Object) -> str:
    """The trace id of a run; where it has none, the root's id, which is the first in its dotted order."""
    order = _order(record)
    return text_id(record.get("trace_id")) or (order[0] if order else None) or text_id(record["id"]) or ""


def _order(record: Object) -> list[str]:
    """The ids from the root down to the run, from `<time>Z<id>.<time>Z<id>`."""
    order = record.get("dotted_order")
    return [part.partition("Z")[2] for part in order.split(".")] if isinstance(order, str) and order else []


def _parent(record: Object) -> str:
    order = _order(record)
    return text_id(record.get("parent_run_id")) or (order[-2] if len(order) > 1 else "")


def _trace(records: Records, run_id: str, source: str) -> Trace:
    runs = [(line, run) for line, record in records for run in _with_children(record, 0)]
    trace_id = _trace_id(records[0][1])
    spans = [_span(record, trace_id, source, line) for line, record in runs]
    return judged(
        trace_of(spans, run_id=run_id),
        [j for _, record in runs for j in _feedback(record, whole=not _parent(record))],
    )


def _with_children(record: Object, depth: int) -> Iterator[Object]:
    """A run and the runs inside it, which get the id of the run that contains them as their parent."""
    yield record
    for child in objects(record.get("child_runs")) if depth < _DEEPEST else []:
        if _problem(child) is None:
            yield from _with_children({"parent_run_id": record["id"], **child}, depth + 1)


def _span(record: Object, trace_id: str, source: str, line: int) -> Span:
    run = {**record, **{name: opened(record[name]) for name in _JSON if name in record}}
    extra = an_object(run.get("extra"))
    metadata = an_object(extra.get("metadata"))
    kind = str(run["run_type"])
    attributes: dict[str, Any] = {"openinference.span.kind": kind}
    if kind == "llm":
        attributes |= input_attributes(run.get("inputs")) | output_attributes(run.get("outputs"))
        attributes |= _usage(run, an_object(extra.get("invocation_params")), metadata)
    else:
        # What LangSmith adds up over the runs below; it writes 0 where none of them told.
        attributes |= {name: run[key] for key, name in _SUMS.items() if run.get(key)}
        attributes |= without_nulls(
            {"input.value": _words(run.get("inputs")), "output.value": _words(run.get("outputs"))}
        )
    if metadata.get("task_id") is None and not _parent(run):
        attributes |= without_nulls({"task_id": text_id(run.get("reference_example_id"))})
    error = values.text(run.get("error")) or None
    return Span(
        trace_id,
        text_id(run["id"]) or "",
        _parent(run),
        values.text(run.get("name")) or kind,
        values.time(run.get("start_time")),
        values.time(run.get("end_time")),
        "error" if error or run.get("status") == "error" else "unset",
        error,
        {**attributes, **_rest(run, extra, metadata)},
        without_nulls({"service.version": metadata.get("revision_id")}),
        {},
        source,
        line,
    )


def _usage(run: Object, params: Object, metadata: Object) -> dict[str, Any]:
    """Model, tokens and cost: of the run itself or, where it has none, of what the model's library returned."""
    outputs = an_object(run.get("outputs"))
    usage = an_object(outputs.get("usage_metadata")) or an_object(
        an_object(outputs.get("llm_output")).get("token_usage")
    )
    models = (metadata.get("ls_model_name"), params.get("model"), params.get("model_name"))
    return without_nulls(
        {
            "gen_ai.request.model": next((model for model in models if model), None),
            "gen_ai.usage.input_tokens": _either(run, usage, "prompt_tokens", "input_tokens"),
            "gen_ai.usage.output_tokens": _either(run, usage, "completion_tokens", "output_tokens"),
            "gen_ai.usage.cost": run.get("total_cost"),
        }
    )


def _either(run: Object, usage: Object, name: str, other: str) -> Any:
    found = (run.get(name), usage.get(name), usage.get(other))
    return next((value for value in found if value is not None), None)


def _words(value: Any) -> str | None:
    """The text of a run's inputs or outputs: the only text, the last message of a conversation, else JSON."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return only
        named = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), None)
        if named is not None and len(value) <= 2:
            return str(named)
        if "messages" in value and (messages := chat(value["messages"], "user")):
            return messages[-1].content
    return values.text(value)


def _rest(run: Object, extra: Object, metadata: Object) -> dict[str, Any]:
    """Metadata under the names that `conventions` reads, all else under `langsmith.`."""
    rest = {name: value for name, value in run.items() if name not in _USED}
    rest["extra"] = {name: value for name, value in extra.items() if name != "metadata"} or None
    events = [event for event in objects(run.get("events")) if event.get("name") != "new_token"]
    rest["events"] = events or None
    return without_nulls({f"langsmith.{name}": value for name, value in rest.items()}) | flat({"metadata": metadata})


def _feedback(record: Object, *, whole: bool) -> Iterator[Judgement]:
    """The feedback of a run; an average over several givers is a score but no outcome."""
    for name, stats in an_object(opened(record.get("feedback_stats"))).items():
        told_once = whole and values.integer(an_object(stats).get("n")) in (1, None)
        found = judgement(name, an_object(stats).get("avg"), "langsmith feedback", whole=told_once)
        labels = an_object(an_object(stats).get("values"))
        if found is None and len(labels) == 1:
            found = judgement(name, None, "langsmith feedback", label=next(iter(labels)), whole=told_once)
        if found is not None:
            yield found
