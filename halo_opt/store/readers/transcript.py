"""Rows of an attempt that is recorded as turns with tool calls.

A reader collects `Turn`s and the conversation; `trace_of_turns` makes steps, tool calls, spans and messages of them, so
that coding agents' sessions and evaluation logs come out alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.synthetic import (
    call_span_id,
    judged_call,
    judged_reply,
    step_span_id,
    synthetic_spans,
    with_calls,
)
from halo_opt.store.rows import AttemptRow, MessageRow, SpanRow, StepRow, ToolCallRow, Trace

# A message: role, text (None: what its turn replied), number of its turn (None: no turn of the agent).
TranscriptMessage = tuple[str, str | None, int | None]


@dataclass(slots=True)
class Call:
    """One tool call and, once it is known, its result.

    `failed` and `status` (an exit status) are what the format says of the call. `error` and `error_type` are set where
    the format has them in fields of their own; else the result shows them.
    """

    call_id: str | None
    tool: str
    arguments: str | None
    result: str | None = None
    error: str | None = None
    error_type: str | None = None
    failed: bool | None = None
    status: int | None = None


@dataclass(slots=True)
class Turn:
    """One reply of the model: the observation before it, its text, its calls; `attributes` go to the step's span.

    `agent` is the name of the agent that replied, where a transcript has several.
    """

    observation: str | None = None
    reply: str | None = None
    calls: list[Call] = field(default_factory=list)
    started_at: str | None = None
    ended_at: str | None = None
    error: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    agent: str | None = None

    def say(self, words: str | None) -> None:
        """Add text to the reply, which may come in several parts."""
        if words:
            self.reply = f"{self.reply}\n{words}" if self.reply else words


def trace_of_turns(
    attempt: AttemptRow, turns: Sequence[Turn], messages: Sequence[TranscriptMessage], attributes: Mapping[str, Any]
) -> Trace:
    """The attempt with all its rows.

    Args:
        attempt: the attempt without its number of steps, which is set here.
        turns: the replies of the model, each a step.
        messages: the conversation.
        attributes: what goes to the root span.
    """
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    for number, turn in enumerate(turns):
        made = [
            _call(attempt.trace_id, number, len(calls) + n, call)._replace(agent=turn.agent)
            for n, call in enumerate(turn.calls)
        ]
        calls.extend(made)
        answer = turns[number + 1].observation if number + 1 < len(turns) else None
        steps.append(_step(attempt.trace_id, number, turn, made, answer))
    known = attempt._replace(steps=len(steps))
    return Trace(
        known,
        spans=_spans(known, turns, steps, calls, attributes),
        messages=[_message(known.trace_id, n, message, turns) for n, message in enumerate(messages)],
        steps=steps,
        tool_calls=calls,
    )


def total(counts: Iterable[Any]) -> int | None:
    """The sum of the whole numbers among some values; None where there is none."""
    found = [number for value in counts if (number := values.integer(value)) is not None]
    return sum(found) if found else None


def _message(trace_id: str, position: int, message: TranscriptMessage, turns: Sequence[Turn]) -> MessageRow:
    role, content, turn = message
    if turn is None:
        return MessageRow(trace_id, None, position, role, content)
    content = turns[turn].reply if role == "assistant" and content is None else content
    return MessageRow(trace_id, step_span_id(turn), position, role, content, turns[turn].agent)


def _call(trace_id: str, step: int, position: int, call: Call) -> ToolCallRow:
    row = ToolCallRow(
        trace_id,
        call_span_id(position),
        step,
        position,
        call.tool,
        call.arguments,
        None,
        call.result,
        call.error,
        call.error_type,
    )
    return row if call.error_type is not None else judged_call(row, failed=call.failed, status=call.status)


def _step(trace_id: str, number: int, turn: Turn, calls: Sequence[ToolCallRow], answer: str | None) -> StepRow:
    """The step of a turn; `answer` is what came after a reply without calls."""
    step = StepRow(
        trace_id,
        number,
        step_span_id(number),
        observation=turn.observation,
        reply=turn.reply,
        started_at=turn.started_at,
        ended_at=turn.ended_at or turn.started_at,
        agent=turn.agent,
    )
    if turn.error is not None:
        step = step._replace(error=turn.error, error_type="execution")
    if calls:
        shown = with_calls(step, calls)
        return shown if shown.error_type else shown._replace(error=step.error, error_type=step.error_type)
    if turn.error is not None or not turn.reply:
        return step
    return judged_reply(step._replace(tool="respond", arguments=turn.reply), answer)


def _spans(
    attempt: AttemptRow,
    turns: Sequence[Turn],
    steps: Sequence[StepRow],
    calls: Sequence[ToolCallRow],
    attributes: Mapping[str, Any],
) -> list[SpanRow]:
    """The spans made for root, steps and calls; those of the steps have the attributes of their turns."""
    more = {step_span_id(number): turn.attributes for number, turn in enumerate(turns) if turn.attributes}
    return [
        span._replace(attributes={**span.attributes, **more[span.span_id]}) if span.span_id in more else span
        for span in synthetic_spans(attempt, steps, calls, attributes)
    ]
