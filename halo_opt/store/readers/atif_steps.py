"""Steps, calls and messages of an ATIF trajectory. A step is one whose source is the agent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from halo_opt.store import values
from halo_opt.store.readers.conversation import content_of
from halo_opt.store.readers.synthetic import call_span_id, judged_call, judged_reply, step_span_id, with_calls
from halo_opt.store.rows import MessageRow, StepRow, ToolCallRow

Record = Mapping[str, Any]
N = TypeVar("N", int, float)

_ROLES = {"agent": "assistant"}
# What a step has beyond these goes to its span.
_OURS = {"step_id", "timestamp", "source", "message", "reasoning_content", "tool_calls", "observation"}


def steps_of(
    trace_id: str, listed: Sequence[Record]
) -> tuple[list[StepRow], list[ToolCallRow], dict[int, dict[str, Any]]]:
    """The steps, their tool calls, and by number of the step the attributes that no column holds."""
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    about: dict[int, dict[str, Any]] = {}
    seen: str | None = None
    for record, following in zip(listed, [*listed[1:], {}], strict=False):
        results = _results(record)
        if record.get("source") != "agent":
            seen = _words(record) or _joined(results) or seen
            continue
        answer: Record = following if following.get("source") != "agent" else {}
        results = results or _results(answer)
        number = len(steps)
        made = _calls(trace_id, number, len(calls), record, results)
        calls.extend(made)
        text = _words(record)
        thoughts = values.text(record.get("reasoning_content"))
        reply = "\n\n".join(part for part in (thoughts, text) if part) or None
        step = StepRow(
            trace_id,
            number,
            step_span_id(number),
            observation=seen,
            reply=reply,
            tool="respond",
            arguments=text,
            result=_joined(results),
            started_at=values.time(record.get("timestamp")),
        )
        steps.append(with_calls(step, made) if made else judged_reply(step, step.result or _words(answer)))
        about[number] = {f"atif.{name}": value for name, value in record.items() if name not in _OURS}
        seen = _joined(results)
    return steps, calls, about


def messages_of(trace_id: str, listed: Sequence[Record]) -> list[MessageRow]:
    """The messages of user and agent and the results of tool calls, in order."""
    spoken: list[tuple[str, str | None]] = []
    for record in listed:
        source = values.text(record.get("source")) or ""
        if source == "agent" or record.get("message") is not None:
            spoken.append((_ROLES.get(source, source), _words(record)))
        spoken.extend(("tool", content_of(result)) for result in _results(record))
    return [MessageRow(trace_id, None, n, role, content) for n, (role, content) in enumerate(spoken)]


class Totals(NamedTuple):
    """Tokens and cost of an attempt; None where nothing states them."""

    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None


def stated_totals(result: Record) -> Totals:
    """What a trial's result states as its agent's totals."""
    spent = object_of(result.get("agent_result"))
    return Totals(
        values.integer(spent.get("n_input_tokens")),
        values.integer(spent.get("n_output_tokens")),
        values.number(spent.get("cost_usd")),
    )


def counted_totals(segments: Sequence[Record]) -> Totals:
    """The totals of a trajectory in one or several parts."""
    return Totals(
        _total(segments, "total_prompt_tokens", "prompt_tokens", values.integer),
        _total(segments, "total_completion_tokens", "completion_tokens", values.integer),
        _total(segments, "total_cost_usd", "cost_usd", values.number),
    )


def _total(segments: Sequence[Record], name: str, of_step: str, read: Callable[[Any], N | None]) -> N | None:
    """A total by its name in `final_metrics`, else the sum over the steps.

    Each part of a continued trajectory may state its own total or, as Harbor does, the total so far. The last one
    counts when it is at least what all steps add up to; otherwise the parts are added up.
    """
    finals = [read(object_of(segment.get("final_metrics")).get(name)) for segment in segments]
    stated = [value for value in finals if value is not None]
    metrics = [object_of(step.get("metrics")) for segment in segments for step in segment["steps"]]
    counts = [count for place in metrics if (count := read(place.get(of_step))) is not None]
    summed = sum(counts) if counts else None
    if not stated or (len(stated) < len(segments) and summed is not None):
        return summed
    so_far = len(segments) == 1 or (stated == sorted(stated) and (summed is None or stated[-1] >= summed))
    return stated[-1] if so_far else sum(stated)


def object_of(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _words(record: Record) -> str | None:
    return content_of({"content": record.get("message")})


def _results(record: Record) -> list[Record]:
    observation = record.get("observation")
    listed = observation.get("results") if isinstance(observation, dict) else None
    return [result for result in listed if isinstance(result, dict)] if isinstance(listed, list) else []


def _joined(results: Sequence[Record]) -> str | None:
    words = [text for result in results if (text := content_of(result)) is not None]
    return "\n".join(words) if words else None


def _calls(trace_id: str, step: int, position: int, record: Record, results: Sequence[Record]) -> list[ToolCallRow]:
    """The tool calls of a step. Results without a call id belong, in order, to the calls that no result names."""
    listed = record.get("tool_calls")
    calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    ids = {values.text(call.get("tool_call_id")) for call in calls}
    by_id = {values.text(result.get("source_call_id")): result for result in reversed(results)}
    loose = iter([result for result in results if values.text(result.get("source_call_id")) not in ids - {None}])
    rows = []
    for number, call in enumerate(calls):
        call_id = values.text(call.get("tool_call_id"))
        answer = by_id[call_id] if call_id is not None and call_id in by_id else next(loose, {})
        row = ToolCallRow(
            trace_id,
            call_span_id(position + number),
            step,
            position + number,
            tool=values.text(call.get("function_name")) or "unknown",
            arguments=values.text(call.get("arguments")),
            target=None,
            result=content_of(answer),
            error=None,
            error_type=None,
        )
        rows.append(judged_call(row))
    return rows
