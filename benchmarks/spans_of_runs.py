"""A tau-bench run as the spans of one trace, with marks where a copy may differ. Pure: no I/O, no clock.

The layout is that of HALO engine span files: an AGENT root with LLM and TOOL spans below it, OpenInference names plus
the `inference.*` projection, written in the order in which the spans end, the root last.
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.marks import Marks

MODEL = "gpt-4o-2024-08-06"
AGENT = "airline-agent"
TOOL_ERRORS, MODEL_ERRORS = 0.06, 0.005
# Text as services write it: every copy gets its own ids and numbers, which is what makes grouping errors hard.
_TOOL_ERRORS = (
    "Error: payment amount does not add up, total price is 1284, but paid 1071",
    "Error: flight HAT217 not available on date 2024-05-19",
    "Error: not enough seats on flight HAT083",
    "Error: payment method credit_card_4421486 not found",
    "Error: reservation QX7PL2 belongs to user mei_brown_7075, not to omar_rossi_1241",
    "TimeoutError: reservation service did not answer within 30 s (request 48213377, attempt 3)",
    "HTTP 503 from inventory shard 17: queue full (9120 waiting), retry after 45 s",
)
_MODEL_ERROR = "Error code: 429 - rate limit reached for organization 550817: limit 30000, used 29514, requested 1204"
_TOOLS = ("get_user_details", "get_reservation_details", "search_direct_flight", "update_reservation_flights", "think")
Message = Mapping[str, Any]


class Turn(NamedTuple):
    """A message with marked text: its text, its calls as (id, tool, arguments), and of a result its tool."""

    role: str
    content: str
    calls: tuple[tuple[str, str, str], ...] = ()
    tool: str = ""
    failed: bool = False


def spans_of(run: Mapping[str, Any], marks: Marks, rng: random.Random, *, fat: bool) -> list[dict[str, Any]]:
    """The spans of one run; `fat` repeats the whole history in every LLM span, else each holds what is new."""
    turns = list(_turns(run["traj"], marks, rng))
    below = list(_below(turns, marks, rng, fat=fat))
    end = max(span["end_time"] for span in below) + 2 if below else 1
    texts = [turn.content for turn in turns if turn.content]
    root = _span(marks, f"agent.{AGENT}", "AGENT", (0, end), "SPAN_KIND_INTERNAL")
    root["parent_span_id"] = ""
    root["span_id"] = marks.root()
    root["attributes"] |= {
        "agent.name": AGENT,
        "agent.tools": json.dumps(_TOOLS),
        "session.id": marks.session(),
        "task.id": f"airline-{run['task_id']}",
        "task.seed": marks.copy(),
        "reward": marks.reward(float(run["reward"])),
        "input.value": next((turn.content for turn in turns if turn.role == "user"), ""),
        "output.value": texts[-1] if texts else "",
    }
    return [_timed(span, marks) for span in [*below, root]]


def _turns(messages: list[Message], marks: Marks, rng: random.Random) -> Iterator[Turn]:
    """The messages with their marks; some tool results become errors. System prompts stay as they are."""
    for message in messages:
        content = message.get("content") or ""
        if message["role"] == "tool":
            name = message.get("name") or "unknown"
            broken = rng.random() < TOOL_ERRORS
            content = rng.choice(_TOOL_ERRORS) if broken else content
            failed = broken or content.startswith("Error")
            yield Turn("tool", marks.text(content), tool=name, failed=failed)
        elif message["role"] == "system":
            yield Turn("system", content)
        else:
            calls = tuple(
                (marks.text(c["id"]), c["function"]["name"], marks.text(c["function"]["arguments"]))
                for c in message.get("tool_calls") or ()
            )
            yield Turn(message["role"], marks.talk(content), calls)


def _below(turns: list[Turn], marks: Marks, rng: random.Random, *, fat: bool) -> Iterator[dict[str, Any]]:
    """LLM and TOOL spans in order; times are seconds from the trace's start."""
    clock, shown, arguments = 0.1, 0, ""
    for place, turn in enumerate(turns):
        if turn.role == "assistant":
            given = list(enumerate(turns[:place])) if fat else list(enumerate(turns[:place]))[shown:]
            size = sum(len(t.content) for t in turns[:place]) // 4
            if rng.random() < MODEL_ERRORS:
                yield _failed_reply(marks, given, (clock, clock + 0.4))
                clock += 1.5
            took = 0.6 + len(turn.content) / 400
            yield _reply(marks, given, turn, (clock, clock + took), size, fat=fat)
            clock, shown = clock + took + 0.01, place + 1
            arguments = turn.calls[0][2] if turn.calls else ""
        elif turn.role == "tool":
            yield _call(marks, turn, arguments, (clock, clock + 0.15))
            clock += 0.2
        else:
            clock += 4.0


def _reply(
    marks: Marks, given: list[tuple[int, Turn]], reply: Turn, times: tuple[float, float], size: int, *, fat: bool
) -> dict[str, Any]:
    span = _span(marks, f"generation.{MODEL}", "LLM", times, "SPAN_KIND_CLIENT")
    tokens_out = 12 + len(reply.content) // 4 + sum(len(call[2]) // 4 for call in reply.calls)
    tokens = marks.amount(size + 20), marks.amount(tokens_out)
    attributes = span["attributes"]
    attributes |= _model() | {"llm.token_count.prompt": tokens[0], "llm.token_count.completion": tokens[1]}
    attributes |= {"inference.llm.input_tokens": tokens[0], "inference.llm.output_tokens": tokens[1]}
    for number, turn in given:
        attributes |= _flat("llm.input_messages", number, turn)
    attributes |= _flat("llm.output_messages", 0, reply)
    if fat:
        attributes["input.mime_type"] = attributes["output.mime_type"] = "application/json"
        attributes["input.value"] = json.dumps([_message(turn) for _, turn in given], ensure_ascii=False)
        attributes["output.value"] = json.dumps(_message(reply), ensure_ascii=False)
    return span


def _failed_reply(marks: Marks, given: list[tuple[int, Turn]], times: tuple[float, float]) -> dict[str, Any]:
    """A model call that was refused; its retry is the next span."""
    span = _span(marks, f"generation.{MODEL}", "LLM", times, "SPAN_KIND_CLIENT")
    span["attributes"] |= _model() | {"error.type": "RateLimitError"} | _flat("llm.input_messages", *given[-1])
    span["status"] = {"code": "STATUS_CODE_ERROR", "message": marks.text(_MODEL_ERROR)}
    return span


def _call(marks: Marks, result: Turn, arguments: str, times: tuple[float, float]) -> dict[str, Any]:
    span = _span(marks, f"function.{result.tool}", "TOOL", times, "SPAN_KIND_INTERNAL")
    span["attributes"] |= {"tool.name": result.tool, "input.value": arguments, "output.value": result.content}
    if result.failed:
        span["status"] = {"code": "STATUS_CODE_ERROR", "message": result.content}
    return span


def _span(marks: Marks, name: str, kind: str, times: tuple[float, float], otel_kind: str) -> dict[str, Any]:
    return {
        "trace_id": marks.trace(),
        "span_id": marks.span(),
        "parent_span_id": marks.root(),
        "trace_state": "",
        "name": name,
        "kind": otel_kind,
        "start_time": times[0],
        "end_time": times[1],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": _RESOURCE},
        "scope": {"name": "openai-agents-sdk", "version": "0.14.7"},
        "attributes": {
            "openinference.span.kind": kind,
            "agent.workflow.name": "airline support",
            "agent.workflow.group_id": marks.session(),
            "inference.export.schema_version": 1,
            "inference.project_id": "airline-support",
            "inference.observation_kind": kind,
            "inference.llm.provider": "openai" if kind == "LLM" else None,
            "inference.llm.model_name": MODEL if kind == "LLM" else None,
            "inference.llm.input_tokens": None,
            "inference.llm.output_tokens": None,
            "inference.llm.cost.total": None,
            "inference.user_id": None,
            "inference.session_id": marks.session(),
            "inference.agent_name": AGENT,
        },
    }


_RESOURCE = {
    "service.name": "airline-support",
    "service.version": "2.14.0",
    "deployment.environment": "production",
}


def _timed(span: dict[str, Any], marks: Marks) -> dict[str, Any]:
    return span | {"start_time": marks.time(span["start_time"]), "end_time": marks.time(span["end_time"])}


def _model() -> dict[str, Any]:
    return {
        "llm.provider": "openai",
        "llm.model_name": MODEL,
        "llm.invocation_parameters": json.dumps({"temperature": 0.0, "parallel_tool_calls": False}),
    }


def _flat(prefix: str, number: int, turn: Turn) -> dict[str, Any]:
    start = f"{prefix}.{number}.message"
    attributes = {f"{start}.role": turn.role, f"{start}.content": turn.content}
    for n, (call_id, tool, arguments) in enumerate(turn.calls):
        call = f"{start}.tool_calls.{n}.tool_call"
        attributes |= {f"{call}.id": call_id, f"{call}.function.name": tool, f"{call}.function.arguments": arguments}
    return attributes | ({f"{start}.name": turn.tool} if turn.tool else {})


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.calls:
        message["tool_calls"] = [
            {"id": i, "type": "function", "function": {"name": tool, "arguments": arguments}}
            for i, tool, arguments in turn.calls
        ]
    return message | ({"name": turn.tool} if turn.tool else {})
