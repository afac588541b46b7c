"""Conversations in OpenAI's layout (see `message_layouts` for others) as steps, tool calls and messages.

A step is an assistant message: tool calls, or words to the user (`respond`); what follows it is the result.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from halo_opt.store import values
from halo_opt.store.readers.message_layouts import ANSWERS_CALL, Message, texts_of
from halo_opt.store.readers.synthetic import (
    call_span_id,
    judged_call,
    judged_reply,
    step_span_id,
    synthetic_spans,
    with_calls,
)
from halo_opt.store.rows import AttemptRow, MessageRow, ScoreRow, StepRow, ToolCallRow, Trace

N = TypeVar("N", int, float)

_REASONING = ("reasoning_content", "reasoning", "thinking")


def problem_of(messages: Any) -> str | None:
    """Why a value is not a conversation (words to follow the name of its field), or None when it is one."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "is not a list of messages"
    return None


def content_of(message: Message) -> str | None:
    """The text of a message; text parts are joined, images become their addresses, other parts their JSON."""
    return texts_of(message.get("content"))


def goal_of(messages: Sequence[Message]) -> str | None:
    """The first words of the user."""
    return next((content_of(message) for message in messages if message.get("role") == "user"), None)


def message_rows(trace_id: str, messages: Sequence[Message]) -> list[MessageRow]:
    """The messages as rows."""
    return [
        MessageRow(trace_id, None, n, values.text(m.get("role")) or "", content_of(m), agent_of(m))
        for n, m in enumerate(messages)
    ]


def agent_of(message: Message) -> str | None:
    """Who of several agents speaks; None where the message names nobody. A tool's message names the tool."""
    name = message.get("name")
    return name if isinstance(name, str) and name and message.get("role") != "tool" else None


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
            agent=agent_of(message),
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
        if later.get("role") != "tool" and not later.get(ANSWERS_CALL):
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
            agent=agent_of(message),
        )
        rows.append(_judged(row, answer))
    return rows


def _function(call: Any) -> Message | None:
    """Name and arguments of a call, which tau2 writes without a `function` around them."""
    if not isinstance(call, dict):
        return None
    function = call.get("function", call if "name" in call else None)
    return function if isinstance(function, dict) else None


def _call_id(result: Message) -> str | None:
    return values.text(result.get("tool_call_id", result.get("id")))


def _judged(call: ToolCallRow, answer: Message) -> ToolCallRow:
    """The call with its error: the message that its answer states beside the result, else what the result shows."""
    stated = answer.get("error")
    if not isinstance(stated, str) or not stated:
        return judged_call(call, failed=_failed(answer))
    return judged_call(call._replace(result=stated), failed=True)._replace(result=call.result)


def _failed(answer: Message) -> bool | None:
    """Whether the message with a result says that the call failed; None where it says nothing."""
    flags = [answer[name] for name in ("is_error", "isError", "error") if isinstance(answer.get(name), bool)]
    if flags:
        return bool(flags[0])
    return {"error": True, "success": False}.get(str(answer.get("status")))


def trace_of(
    attempt: AttemptRow, messages: Sequence[Message], attributes: Mapping[str, Any], scores: Sequence[ScoreRow] = ()
) -> Trace:
    """The attempt, of a format that gives it no id, with all rows that its conversation gives.

    Args:
        attempt: what the format says of the attempt. Its steps are counted here; its goal and its tokens are taken from
            the messages where they are None.
        messages: the conversation, as `message_layouts.normal` gives it.
        attributes: what goes to the root span.
        scores: who judged the attempt, and how.
    """
    steps, calls = steps_of(attempt.trace_id, messages)
    tokens_in, tokens_out = (total(messages, names, values.integer) for names in (TOKENS_IN, TOKENS_OUT))
    known = attempt._replace(
        goal=goal_of(messages) if attempt.goal is None else attempt.goal,
        steps=len(steps),
        tokens_in=tokens_in if attempt.tokens_in is None else attempt.tokens_in,
        tokens_out=tokens_out if attempt.tokens_out is None else attempt.tokens_out,
        cost_usd=total(messages, COST, values.number) if attempt.cost_usd is None else attempt.cost_usd,
    )
    return Trace(
        known,
        named=False,
        spans=synthetic_spans(known, steps, calls, attributes),
        messages=message_rows(known.trace_id, messages),
        steps=steps,
        tool_calls=calls,
        scores=list(scores),
    )
