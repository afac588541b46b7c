"""Chat messages of any client library as OpenInference attributes.

Platforms store a model call's input and output as the library gave them: messages of every layout that
`message_layouts` knows, generations, or bare text.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.readers.message_layouts import normal, texts_of

Object = Mapping[str, Any]
# Names that libraries wrap the messages in, the most specific first.
_WRAPPERS = ("messages", "generations", "choices", "message", "output", "input", "content")
_DEEPEST = 6


class ChatMessage(NamedTuple):
    """A message: its role, its text and the calls that it requests as (tool, arguments)."""

    role: str
    content: str | None
    calls: tuple[tuple[str, str | None], ...]


def input_attributes(value: Any) -> dict[str, Any]:
    """The attributes of a model call's input; bare text is one message of the user."""
    return _attributes("llm.input_messages", chat(value, "user"))


def output_attributes(value: Any) -> dict[str, Any]:
    """The attributes of a model call's output."""
    return _attributes("llm.output_messages", chat(value, "assistant"))


def chat(value: Any, role: str, depth: int = 0) -> list[ChatMessage]:
    """The messages in a value as any client library writes it.

    Args:
        value: a message, a list of messages, parts or generations, or bare text.
        role: the role of text that has none.
        depth: how deep the value is nested in the one that was read.
    """
    if value is None or depth > _DEEPEST:
        return []
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and "type" in item and not _is_message(item) for item in value):
            return _messages({"role": role, "content": value}, role)
        return [message for item in value for message in chat(item, role, depth + 1)]
    if isinstance(value, dict) and _is_message(value):
        return _messages(value, role)
    fields = value if isinstance(value, dict) else {}
    wrapper = next((name for name in _WRAPPERS if fields.get(name) is not None), None)
    if wrapper is not None:
        return chat(fields[wrapper], role, depth + 1)
    return [ChatMessage(role, values.text(fields.get("text", value)), ())]


def _is_message(value: Object) -> bool:
    if isinstance(value.get("role"), str) or isinstance(value.get("kwargs"), dict):
        return True
    kind = value.get("type")
    return kind in ("human", "ai", "system", "tool", "function") and ("content" in value or "data" in value)


def _messages(value: Object, role: str) -> list[ChatMessage]:
    """A message with the calls that it requests, after those with the results that it holds."""
    found = []
    for message in normal([value]):
        functions = [call["function"] for call in message.get("tool_calls") or ()]
        calls = tuple((values.text(f.get("name")) or "unknown", values.text(f.get("arguments"))) for f in functions)
        found.append(ChatMessage(message["role"] or role, texts_of(message.get("content")), calls))
    return found


def _attributes(prefix: str, messages: list[ChatMessage]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, message in enumerate(messages):
        name = f"{prefix}.{number}.message"
        found[f"{name}.role"] = message.role
        if message.content is not None:
            found[f"{name}.content"] = message.content
        for place, (tool, arguments) in enumerate(message.calls):
            found[f"{name}.tool_calls.{place}.tool_call.function.name"] = tool
            if arguments is not None:
                found[f"{name}.tool_calls.{place}.tool_call.function.arguments"] = arguments
    return found
