"""Span records in the flat layout: the original lines where the trace file has them, else made from the store's rows.

Model calls are made from the messages, because a reader of spans finds a conversation only in model calls.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from halo_opt.store.files.lines import BOM, decode_object
from halo_opt.store.index.span_places import SpanLines
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.span_lines import problem_of
from halo_opt.store.readers.span_steps import CLOSING
from halo_opt.store.readers.synthetic import ROOT
from halo_opt.store.rows import AttemptRow, MessageRow, SpanRow, Trace, is_stored_as

# Prompts repeat the conversation, so they grow with the square of its length. Beyond so many characters an attempt's
# prompts hold only what is new.
PROMPTS = 8_000_000
_CODES = {"ok": "STATUS_CODE_OK", "error": "STATUS_CODE_ERROR", "unset": "STATUS_CODE_UNSET"}
_OF_ATTEMPT = ("run_id", "task_id", "seed", "attempt", "mode", "model", "harness_revision")
# Columns of a kind of span: the names that may say them, and the one that does where none of those is there.
_OF_KIND: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "LLM": {
        "model": (names.MODEL, "llm.model_name"),
        "tokens_in": (names.TOKENS_IN, "llm.token_count.prompt"),
        "tokens_out": (names.TOKENS_OUT, "llm.token_count.completion"),
        "cost_usd": (names.COST, "llm.cost.total"),
    },
    "TOOL": {"tool": (names.TOOL, "tool.name")},
}

Message = tuple[str, str | None]


class SpanRecord(NamedTuple):
    """A span in the flat layout, and the line that it was read from, while it says just the same."""

    value: dict[str, Any]
    raw: bytes | None = None


class Made(NamedTuple):
    """The records of an attempt, and how many of its prompts hold only new messages because all would be too long."""

    records: list[SpanRecord]
    shortened: int = 0


def records_of(trace: Trace, lines: SpanLines) -> Made | None:
    """The spans of an attempt; None when a line of it is gone from its file, or another one is there now."""
    if not any(span.byte_offset is not None for span in trace.spans):
        return _made(trace)
    found: list[SpanRecord] = []
    rest: list[SpanRow] = []
    for span in trace.spans:
        if span.byte_offset is None:
            rest.append(span)
            continue
        record = _line(span, lines)
        if record is None:
            return None
        found.append(record)
    if not rest:
        return Made(found)
    made = _of_spans(trace, rest)
    return Made([*found, *made.records], made.shortened)


def _line(span: SpanRow, lines: SpanLines) -> SpanRecord | None:
    raw = lines.raw(span.source, span.byte_offset or 0)
    value, _ = (None, None) if raw is None else decode_object(raw)
    if raw is None or value is None or problem_of(value) is not None:
        return None
    if value["span_id"] != span.span_id or not is_stored_as(value["trace_id"], span.trace_id):
        return None
    if value["trace_id"] == span.trace_id:
        return SpanRecord(value, raw.removeprefix(BOM))
    # Another run's trace has that id: in one file both would be one trace.
    return SpanRecord({**value, "trace_id": span.trace_id})


def _made(trace: Trace) -> Made:
    """The spans of an attempt from its rows alone."""
    spans = trace.spans or [_bare_root(trace.attempt)]
    if any(span.kind == "LLM" for span in spans):
        return _of_spans(trace, spans)
    return _with_replies(trace, spans)


def _bare_root(attempt: AttemptRow) -> SpanRow:
    """The root of an attempt that has no spans."""
    times = (attempt.started_at, attempt.ended_at)
    return SpanRow(
        attempt.trace_id, ROOT, "", "attempt", "AGENT", *times, "unset", None, {}, {}, attempt.source, attempt.line
    )


def _of_spans(trace: Trace, spans: Sequence[SpanRow]) -> Made:
    """Spans that were spans before: their own attributes, and the prompts from the messages."""
    prompts = _Prompts()
    of_span: dict[str | None, list[Message]] = {}
    for message in trace.messages:
        of_span.setdefault(message.span_id, []).append((message.role, message.content))
    given: dict[str, list[Message]] = {}
    for span in sorted(spans, key=lambda s: (not s.started_at, s.started_at or "", s.line or 0)):
        if span.kind == "LLM":
            reply = names.messages_out(span.attributes)
            new = of_span.get(span.span_id, [])
            new = new[: len(new) - len(reply)] if reply and new[-len(reply) :] == reply else new
            given[span.span_id] = prompts.given(new, reply)
    made = [_record(span, _spoken("input", given.get(span.span_id, []))) for span in spans]
    return Made([SpanRecord(value) for value in made], prompts.shortened)


def _with_replies(trace: Trace, spans: Sequence[SpanRow]) -> Made:
    """Made-up spans, with a model call for every message of the assistant, below the step that it belongs to."""
    turns, closing = _turns(trace.messages)
    places = _places_of(trace, turns)
    prompts = _Prompts()
    prompted: list[list[Message]] = []
    for given, reply in turns:
        new = [(message.role, message.content) for message in given]
        prompted.append(prompts.given(new, [(reply.role, reply.content)]))
    resource = _resource(trace.attempt)
    silent = {step.span_id for step in trace.steps if step.reply is None}
    made: list[dict[str, Any]] = []
    done = 0

    def replies(until: int, above: SpanRow) -> None:
        nonlocal done
        for number in range(done, until):
            reply = turns[number][1]
            above = above._replace(model=trace.attempt.model)
            made.append(_reply(above, number, prompted[number], reply, resource))
        done = max(done, until)

    for span in spans:
        if span.span_id in places and done < places[span.span_id][0]:
            replies(places[span.span_id][0], _top(spans))
        goal = {"input.value": trace.attempt.goal} if span is _top(spans) and trace.attempt.goal else {}
        made.append(_record(span, goal, resource))
        if span.span_id in places:
            # A reply below a step is what the step said: where the format keeps it apart from that, it goes beside.
            replies(places[span.span_id][1], span if span.span_id not in silent else _top(spans))
    replies(len(turns), _top(spans))
    if closing:
        closing_messages = [{"role": message.role, "content": message.content} for message in closing]
        made[0]["attributes"][CLOSING] = json.dumps(closing_messages, ensure_ascii=False)
    return Made([SpanRecord(value) for value in made], prompts.shortened)


def _top(spans: Sequence[SpanRow]) -> SpanRow:
    """The span above all others."""
    return next((span for span in spans if not span.parent_span_id), spans[0])


def _turns(messages: Sequence[MessageRow]) -> tuple[list[tuple[list[MessageRow], MessageRow]], list[MessageRow]]:
    """(what was new to the model, what it said) for each of its messages, and what came after the last."""
    turns: list[tuple[list[MessageRow], MessageRow]] = []
    given: list[MessageRow] = []
    for message in messages:
        if message.role == "assistant":
            turns.append((given, message))
            given = []
        else:
            given.append(message)
    return turns, given


def _places_of(trace: Trace, turns: Sequence[tuple[list[MessageRow], MessageRow]]) -> dict[str, tuple[int, int]]:
    """Which replies (from, to) belong to which step's span: as messages say, else one each when there are as many."""
    steps = [step.span_id for step in trace.steps if step.span_id is not None]
    found: dict[str, tuple[int, int]] = {}
    for number, (_, reply) in enumerate(turns):
        own = reply.span_id if reply.span_id in steps else None
        if own is None and len(turns) == len(trace.steps) == len(steps):
            own = steps[number]
        if own is not None:
            found[own] = (found.get(own, (number, number))[0], number + 1)
    return found


class _Prompts:
    """What each model call was given, so that a reader who compares it with the call before finds the same news."""

    def __init__(self) -> None:
        self.before: list[Message] = []
        self.shortened = 0
        self._length = 0
        self._room = PROMPTS

    def given(self, new: list[Message], reply: list[Message]) -> list[Message]:
        """The prompt of the next call: all so far, or only what is new."""
        length = self._length + _length(new)
        # What is new must not look like the beginning of the prompt before, or readers take it for a repetition.
        repeats = bool(new) and bool(self.before) and new[0] == self.before[0]
        if length > self._room and not repeats:
            self.shortened += 1
            prompt, length = list(new), _length(new)
        else:
            prompt = [*self.before, *new]
        self._room -= length
        self.before = [*prompt, *reply]
        self._length = length + _length(reply)
        return prompt


def _length(messages: Sequence[Message]) -> int:
    return sum(len(content or "") for _, content in messages)


def _reply(
    above: SpanRow, number: int, prompt: list[Message], reply: MessageRow, resource: Mapping[str, Any]
) -> dict[str, Any]:
    span = above._replace(
        span_id=f"reply-{number}",
        parent_span_id=above.span_id,
        name="reply",
        kind="LLM",
        status="unset",
        status_message=None,
        attributes={},
        error_type=None,
        step=None,
    )
    return _record(span, {**_spoken("input", prompt), **_spoken("output", [(reply.role, reply.content)])}, resource)


def _spoken(way: str, messages: Sequence[Message]) -> dict[str, Any]:
    """Messages as flat attributes."""
    attributes: dict[str, Any] = {}
    for number, (role, content) in enumerate(messages):
        attributes[f"llm.{way}_messages.{number}.message.role"] = role
        if content is not None:
            attributes[f"llm.{way}_messages.{number}.message.content"] = content
    return attributes


def _resource(attempt: AttemptRow) -> dict[str, Any]:
    columns = {f"halo.{name}": getattr(attempt, name) for name in _OF_ATTEMPT}
    return {"service.name": "halo-opt", **{name: value for name, value in columns.items() if value is not None}}


def _record(span: SpanRow, more: Mapping[str, Any], resource: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A row in the flat layout. What its columns know and its attributes do not is said under OpenInference's names."""
    attributes = dict(span.attributes)
    if names.kind_of(attributes, span.name) != span.kind:
        attributes["openinference.span.kind"] = span.kind
    for column, (spelled, name) in _OF_KIND.get(span.kind, {}).items():
        value = getattr(span, column)
        if value is not None and names.first(spelled, attributes) is None:
            attributes[name] = value
    own = dict(span.resource)
    scope = own.pop("scope", None)
    if scope is not None and not isinstance(scope, dict):
        own["scope"], scope = scope, None
    kind = attributes.get("otlp.kind") or ("client" if span.kind == "LLM" else "internal")
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": f"SPAN_KIND_{str(kind).upper()}",
        "start_time": _utc(span.started_at),
        "end_time": _utc(span.ended_at),
        "status": {"code": _CODES.get(span.status, _CODES["unset"]), "message": span.status_message or ""},
        "resource": {"attributes": own or dict(resource or {})},
        "scope": scope or {},
        "attributes": {**attributes, **more},
    }


def _utc(time: str | None) -> str | None:
    return None if time is None else f"{time.replace(' ', 'T')}Z"


def encoded(value: Any) -> bytes:
    """JSON in UTF-8; a lone surrogate, which JSON may spell but UTF-8 cannot hold, stays spelled."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
