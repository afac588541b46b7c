"""Conversations in OpenAI's layout, and those near it, as steps, tool calls and messages.

A step is an assistant message: tool calls, or words to the user (`respond`); what follows it is the result.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from halo_opt.store import values
from halo_opt.store.readers.synthetic import call_span_id, judged_call, judged_reply, step_span_id, with_calls
from halo_opt.store.rows import MessageRow, StepRow, ToolCallRow

Message = Mapping[str, Any]
N = TypeVar("N", int, float)

_REASONING = ("reasoning_content", "reasoning", "thinking")


def problem_of(messages: Any) -> str | None:
    """Why a value is not a conversation (words to follow the name of its field), or None when it is one."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "is not a list of messages"
    return None


def normal(messages: Sequence[Message]) -> list[Message]:
    """The messages in OpenAI's layout: Anthropic's content blocks, `function_call` and grouped results too."""
    found: list[Message] = []
    for message in messages:
        grouped = message.get("tool_messages")
        if isinstance(grouped, list):
            found.extend(one for one in grouped if isinstance(one, dict))
        elif isinstance(message.get("content"), list):
            found.extend(_unblocked(message, message["content"]))
        elif isinstance(message.get("function_call"), dict) and not message.get("tool_calls"):
            found.append({**message, "tool_calls": [{"function": message["function_call"]}]})
        else:
            found.append({**message, "role": "tool"} if message.get("role") == "function" else message)
    return found


def _unblocked(message: Message, content: list[Any]) -> list[Message]:
    """A message whose content is a list of blocks: calls, results and thoughts taken out of it."""
    by_type: dict[str, list[Any]] = {}
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        by_type.setdefault(kind if kind in ("tool_use", "tool_result", "thinking") else "rest", []).append(block)
    results: list[Message] = [
        {
            "role": "tool",
            "tool_call_id": b.get("tool_use_id"),
            "content": b.get("content"),
            "is_error": b.get("is_error"),
        }
        for b in by_type.get("tool_result", [])
    ]
    rest = by_type.get("rest")
    if results and rest is None:
        return results
    plain = {**message, "content": rest}
    if "tool_use" in by_type:
        plain["tool_calls"] = [
            {"id": b.get("id"), "function": {"name": b.get("name"), "arguments": b.get("input")}}
            for b in by_type["tool_use"]
        ]
    if "thinking" in by_type:
        plain["thinking"] = "\n".join(values.text(b.get("thinking")) or "" for b in by_type["thinking"])
    return [*results, plain]


def content_of(message: Message) -> str | None:
    """The text of an OpenAI message; text parts are joined, other parts kept as JSON."""
    content = message.get("content")
    if not isinstance(content, list):
        return values.text(content)
    parts = [part["text"] if isinstance(part, dict) and "text" in part else part for part in content]
    return "\n".join(values.text(part) or "" for part in parts)


def goal_of(messages: Sequence[Message]) -> str | None:
    """The first words of the user."""
    return next((content_of(message) for message in messages if message.get("role") == "user"), None)


def message_rows(trace_id: str, messages: Sequence[Message]) -> list[MessageRow]:
    """The messages as rows."""
    return [
        MessageRow(trace_id, None, n, values.text(m.get("role")) or "", content_of(m)) for n, m in enumerate(messages)
    ]


def total(messages: Sequence[Message], names: tuple[str, ...], read: Callable[[Any], N | None]) -> N | None:
    """The sum of a number over the assistant's messages, by the first of some names that each has; None without any."""
    counts: list[N] = []
    for message in messages:
        usage = message.get("usage")
        places = (message, usage) if isinstance(usage, dict) else (message,)
        found = (read(place[name]) for place in places for name in names if place.get(name) is not None)
        count = next(found, None) if message.get("role") == "assistant" else None
        if count is not None:
            counts.append(count)
    return sum(counts) if counts else None


TOKENS_IN, TOKENS_OUT = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
COST = ("cost", "cost_usd")


def steps_of(trace_id: str, messages: Sequence[Message]) -> tuple[list[StepRow], list[ToolCallRow]]:
    """The steps and the tool calls of a conversation that is `normal`."""
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    for index, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        number = len(steps)
        made = _calls(trace_id, number, len(calls), message, messages[index + 1 :])
        calls.extend(made)
        step = StepRow(
            trace_id,
            number,
            step_span_id(number),
            observation=content_of(messages[index - 1]) if index else None,
            reply=_reply(message),
            started_at=values.time(message.get("timestamp")),
        )
        if made:
            step = with_calls(step, made)
        else:
            heard = content_of(messages[index + 1]) if index + 1 < len(messages) else None
            step = judged_reply(step._replace(tool="respond", arguments=content_of(message), result=heard), heard)
        steps.append(step)
    return steps, calls


def _reply(message: Message) -> str | None:
    """The model's reply: its reasoning, where that is kept, and its text."""
    thoughts = next((values.text(message[name]) for name in _REASONING if message.get(name)), None)
    parts = [part for part in (thoughts, content_of(message)) if part]
    return "\n\n".join(parts) if thoughts else content_of(message)


def _calls(trace_id: str, step: int, position: int, message: Message, after: Sequence[Message]) -> list[ToolCallRow]:
    """The calls of an assistant message with their results, which are the tool messages up to the next reply."""
    results: list[Message] = []
    for later in after:
        if later.get("role") != "tool":
            break
        results.append(later)
    listed = message.get("tool_calls")
    calls = [call for call in (listed if isinstance(listed, list) else []) if _function(call) is not None]
    ids = {values.text(call.get("id")) for call in calls} - {None}
    by_id = {_call_id(result): result for result in reversed(results)}
    without_id = iter([result for result in results if _call_id(result) not in ids])
    rows: list[ToolCallRow] = []
    for call in calls:
        function, call_id = _function(call) or {}, values.text(call.get("id"))
        answer = by_id[call_id] if call_id is not None and call_id in by_id else next(without_id, {})
        row = ToolCallRow(
            trace_id,
            call_span_id(position + len(rows)),
            step,
            position + len(rows),
            tool=values.text(function.get("name")) or "unknown",
            arguments=values.text(function.get("arguments")),
            target=None,
            result=content_of(answer),
            error=None,
            error_type=None,
        )
        rows.append(judged_call(row, failed=_failed(answer)))
    return rows


def _function(call: Any) -> Message | None:
    """Name and arguments of a call, which tau2 writes without a `function` around them."""
    if not isinstance(call, dict):
        return None
    function = call.get("function", call if "name" in call else None)
    return function if isinstance(function, dict) else None


def _call_id(result: Message) -> str | None:
    return values.text(result.get("tool_call_id", result.get("id")))


def _failed(answer: Message) -> bool | None:
    """Whether the message with a result says that the call failed; None where it says nothing."""
    flags = [answer[name] for name in ("is_error", "isError", "error") if isinstance(answer.get(name), bool)]
    if flags:
        return bool(flags[0])
    return {"error": True, "success": False}.get(str(answer.get("status")))
