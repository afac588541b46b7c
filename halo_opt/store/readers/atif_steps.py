"""Steps, calls and messages of an ATIF trajectory. A step is one whose source is the agent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from halo_opt.store import values
from halo_opt.store.readers.conversation import content_of
from halo_opt.store.readers.synthetic import call_span_id, step_span_id
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
    for record in listed:
        results = _results(record)
        if record.get("source") != "agent":
            seen = _words(record) or _joined(results) or seen
            continue
        number = len(steps)
        made = _calls(trace_id, number, len(calls), record, results)
        calls.extend(made)
        text = _words(record)
        thoughts = values.text(record.get("reasoning_content"))
        reply = "\n\n".join(part for part in (thoughts, text) if part) or None
        first = made[0] if made else None
        steps.append(
            StepRow(
                trace_id,
                number,
                step_span_id(number),
                observation=seen,
                reply=reply,
                tool=first.tool if first else "respond",
                arguments=first.arguments if first else text,
                result=first.result if first else _joined(results),
                started_at=values.time(record.get("timestamp")),
            )
        )
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


def total(
    final: Record, spent: Record, listed: Sequence[Record], names: tuple[str, str, str], read: Callable[[Any], N | None]
) -> N | None:
    """A total of the attempt: the trajectory's, else the trial's, else the sum over the steps; None where all lack it.

    Args:
        final: the trajectory's `final_metrics`.
        spent: the `agent_result` of the trial.
        listed: the steps, whose `metrics` are added up.
        names: the name of the total in each of these three places.
        read: turns a value into a number, or into None.
    """
    for place, name in ((final, names[0]), (spent, names[1])):
        value = read(place.get(name))
        if value is not None:
            return value
    metrics = [record["metrics"] for record in listed if isinstance(record.get("metrics"), dict)]
    counts = [count for place in metrics if (count := read(place.get(names[2]))) is not None]
    return sum(counts) if counts else None


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
        rows.append(
            ToolCallRow(
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
        )
    return rows
