"""Reader for Langfuse exports: observations, or traces that hold their observations and scores.

The names may be those of the interface (`traceId`) or of the bulk export (`trace_id`), the file JSONL or one JSON
document. A trace may be spread over several files of one folder. A bulk export's `traces/` and `scores/` have no
observations and are not recognised.
"""

from collections.abc import Sequence
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
    snaked,
    sniffed,
    text_id,
)
from halo_opt.store.readers.judged import Judgement, judged, judgement
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.span_trace import trace_of
from halo_opt.store.readers.transcript import total
from halo_opt.store.rows import Trace
from halo_opt.store.sink import Sink

_TYPES = (
    "GENERATION",
    "SPAN",
    "EVENT",
    "AGENT",
    "TOOL",
    "CHAIN",
    "RETRIEVER",
    "EVALUATOR",
    "EMBEDDING",
    "GUARDRAIL",
)
_ROOT = "trace"
# What becomes a column or has a standard name; everything else is kept as `langfuse.<name>`.
_USED = {
    "id",
    "trace_id",
    "parent_observation_id",
    "name",
    "type",
    "start_time",
    "end_time",
    "timestamp",
    "level",
    "status_message",
    "input",
    "output",
    "metadata",
    "observations",
    "scores",
}


class LangfuseReader(FolderReader):
    """Langfuse exports of observations and of traces."""

    name = "langfuse"
    meaning = "Langfuse exports, JSONL or JSON of observations {id, traceId, type, ...} or of traces with observations"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records is an observation, or a trace with observations."""
        return any(_is_observation(snaked(record)) or _is_trace(record) for record in sniffed(path))

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder."""
        import_traces(paths, sink, Platform(self.name, _problem, _trace_id, _trace))


def _is_observation(record: Object) -> bool:
    return {"id", "trace_id", "start_time"} <= record.keys() and record.get("type") in _TYPES


def _is_trace(record: Object) -> bool:
    return any({"id", "type"} <= o.keys() and o["type"] in _TYPES for o in objects(record.get("observations")))


def _problem(record: Object) -> str | None:
    """Why a record is neither an observation nor a trace with observations."""
    if "observations" in record or "trace" in record:
        if not _observations(record):
            return "a trace without observations"
        return None if _trace_id(record) else "missing field id"
    fields = snaked(record)
    missing = next((name for name in ("id", "trace_id") if text_id(fields.get(name)) is None), None)
    return None if missing is None else f"missing field {missing}"


def _observations(record: Object) -> list[dict[str, Any]]:
    listed = [snaked(observation) for observation in objects(record.get("observations"))]
    return [observation for observation in listed if text_id(observation.get("id")) is not None]


def _trace_id(record: Object) -> str:
    fields = snaked(an_object(record["trace"]) if "trace" in record else record)
    whole = "observations" in record
    return (text_id(fields.get("id")) if whole else text_id(fields.get("trace_id"))) or ""


def _trace(records: Records, run_id: str, source: str) -> Trace:
    """One trace from its observations or from the record of the whole."""
    spans: list[Span] = []
    judgements: list[Judgement] = []
    for line, record in records:
        if "observations" in record:
            whole = snaked(an_object(record.get("trace"))) or snaked(record)
            root = _root(whole, _trace_id(record), source, line)
            spans += [root, *(_span(o, root.trace_id, root, source, line) for o in _observations(record))]
            scores = record["scores"] if isinstance(record.get("scores"), list) else whole.get("scores")
            judgements += [j for s in objects(scores) if (j := _judgement(snaked(s))) is not None]
        else:
            spans.append(_span(snaked(record), _trace_id(record), None, source, line))
    return judged(trace_of(spans, run_id=run_id), judgements)


def _root(whole: Object, trace_id: str, source: str, line: int) -> Span:
    """A span for the trace itself, with its input, output and metadata."""
    attributes = {"openinference.span.kind": "AGENT", **_texts(whole), **_rest(whole)}
    if whole.get("total_cost"):  # counts only where no observation states its cost
        attributes["gen_ai.usage.cost"] = whole["total_cost"]
    revision = whole.get("release") or whole.get("version")
    return Span(
        trace_id,
        _ROOT,
        "",
        values.text(whole.get("name")) or _ROOT,
        values.time(whole.get("timestamp")),
        None,
        "unset",
        None,
        attributes,
        {"service.version": revision} if revision else {},
        {},
        source,
        line,
    )


def _span(observation: Object, trace_id: str, root: Span | None, source: str, line: int) -> Span:
    """A span from an observation; those at the top of a trace hang below its root."""
    kind = observation.get("type") if observation.get("type") in _TYPES else "SPAN"
    attributes: dict[str, Any] = {"openinference.span.kind": kind}
    if kind == "GENERATION":
        attributes |= input_attributes(opened(observation.get("input"))) | output_attributes(
            opened(observation.get("output"))
        )
    else:
        attributes |= _texts(observation)
    attributes |= _usage(observation)
    revision = observation.get("release") or observation.get("version")
    return Span(
        trace_id,
        text_id(observation.get("id")) or "",
        text_id(observation.get("parent_observation_id")) or (root.span_id if root else ""),
        values.text(observation.get("name")) or str(kind).lower(),
        values.time(observation.get("start_time")),
        values.time(observation.get("start_time") if kind == "EVENT" else observation.get("end_time")),
        "error" if observation.get("level") == "ERROR" else "unset",
        values.text(observation.get("status_message")) or None,
        {**attributes, **_rest(observation)},
        {"service.version": revision} if revision else {},
        {},
        source,
        line,
    )


def _usage(observation: Object) -> dict[str, Any]:
    """Model, tokens and cost. Kinds of input (cached, audio, ...) are counted apart there, so they are added up."""
    counts = an_object(opened(observation.get("usage_details"))) or an_object(observation.get("usage"))
    tokens_in = total(value for name, value in counts.items() if "input" in name and "cost" not in name.lower())
    tokens_out = total(value for name, value in counts.items() if "output" in name and "cost" not in name.lower())
    costs = an_object(opened(observation.get("cost_details")))
    found = {
        "gen_ai.request.model": observation.get("model") or observation.get("provided_model_name"),
        "gen_ai.usage.input_tokens": observation.get("prompt_tokens") if tokens_in is None else tokens_in,
        "gen_ai.usage.output_tokens": observation.get("completion_tokens") if tokens_out is None else tokens_out,
        "gen_ai.usage.cost": _first(
            observation.get("calculated_total_cost"), observation.get("total_cost"), costs.get("total")
        ),
    }
    return {name: value for name, value in found.items() if value is not None}


def _first(*candidates: Any) -> Any:
    return next((value for value in candidates if value is not None), None)


def _texts(observation: Object) -> dict[str, Any]:
    pairs = {
        "input.value": values.text(observation.get("input")),
        "output.value": values.text(observation.get("output")),
    }
    return {name: value for name, value in pairs.items() if value is not None}


def _rest(observation: Object) -> dict[str, Any]:
    """Metadata under the names that `conventions` reads, all else under `langfuse.`."""
    rest = {f"langfuse.{name}": value for name, value in observation.items() if name not in _USED and value is not None}
    metadata = opened(observation.get("metadata"))
    return {**rest, **(flat({"metadata": metadata}) if metadata not in (None, {}, "") else {})}


def _judgement(score: Object) -> Judgement | None:
    given = " ".join(["langfuse", *([str(score["source"])] if score.get("source") else [])])
    whole = not score.get("observation_id")
    # The value of a category is its place in a list and no score.
    category = score.get("data_type") == "CATEGORICAL" and score.get("string_value") is not None
    value = None if category else score.get("value")
    return judgement(score.get("name"), value, given, label=score.get("string_value"), whole=whole)
