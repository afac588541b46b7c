"""The events of a span as attributes of the span: exceptions, messages, evaluations.

Older instrumentations keep the conversation in events instead of attributes; the newest names count.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from halo_opt.store import values

Attributes = Mapping[str, Any]

_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHOICE = "gen_ai.choice"
_OLD = {"gen_ai.content.prompt": "gen_ai.prompt", "gen_ai.content.completion": "gen_ai.completion"}
_WHOLE = ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages")
EVALUATION = "gen_ai.evaluation.result"


class Event(NamedTuple):
    """A named moment of a span; `time` is UTC text or None."""

    name: str
    time: str | None
    attributes: Attributes


class EventAttributes(NamedTuple):
    """The attributes that events hold, the message of an exception, and the events that are neither."""

    attributes: dict[str, Any]
    exception: str | None
    rest: list[Event]


def attributes_of_events(events: Sequence[Event], *, ended_well: bool) -> EventAttributes:
    """The content of a span's events. An exception in a span that ended well was handled and is no error."""
    attributes: dict[str, Any] = {}
    exception: str | None = None
    prompt: list[dict[str, Any]] = []
    reply: list[dict[str, Any]] = []
    rest: list[Event] = []
    for event in events:
        found = event.attributes
        if event.name in _ROLES:
            prompt.append(_message(found, _ROLES[event.name]))
        elif event.name == _CHOICE:
            reply.append(_message(found, "assistant"))
        elif event.name in _OLD and _OLD[event.name] in found:
            attributes.setdefault(_OLD[event.name], found[_OLD[event.name]])
        elif any(name in found for name in _WHOLE):
            attributes.update({name: found[name] for name in _WHOLE if name in found})
        else:
            rest.append(event)
            if event.name == "exception" and not ended_well:
                attributes["error.type"] = values.text(found.get("exception.type")) or "exception"
                exception = values.text(found.get("exception.message"))
    for name, messages in (("gen_ai.input.messages", prompt), ("gen_ai.output.messages", reply)):
        if messages:
            attributes.setdefault(name, messages)
    evaluations = [event for event in rest if event.name == EVALUATION]
    if len(evaluations) == 1:
        attributes.update(evaluations[0].attributes)
    return EventAttributes(attributes, exception, rest)


def _message(found: Attributes, role: str) -> dict[str, Any]:
    """A message event as a message with parts; its body is in its attributes, or as JSON text in one of them."""
    body = {**found, **_object(found.get("gen_ai.event.content"))}
    body = {**body, **_object(body.get("message"))}
    content = body.get("content")
    if content is None and not isinstance(body.get("message"), Mapping):
        content = body.get("message")
    parts = [] if content is None else [{"type": "text", "content": content}]
    for call in _list(body.get("tool_calls")):
        function = _object(call.get("function")) or call if isinstance(call, Mapping) else {}
        parts.append({"type": "tool_call", "name": function.get("name"), "arguments": function.get("arguments")})
    return {"role": values.text(body.get("role")) or role, "parts": parts}


def _object(value: Any) -> Mapping[str, Any]:
    decoded = _decoded(value)
    return decoded if isinstance(decoded, Mapping) else {}


def _list(value: Any) -> list[Any]:
    decoded = _decoded(value)
    return decoded if isinstance(decoded, list) else []


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
