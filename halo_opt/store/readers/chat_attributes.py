"""Chat messages of any client library as OpenInference attributes.

Platforms store a model call's input and output as the library gave them: OpenAI and Anthropic messages, LangChain's
messages in three spellings, generations, Gemini parts, or bare text.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from halo_opt.store import values

Object = Mapping[str, Any]
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool", "developer": "system"}
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
            return [_message({"role": role, "content": value}, role)]
        return [message for item in value for message in chat(item, role, depth + 1)]
    if isinstance(value, dict) and _is_message(value):
        return [_message(value, role)]
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


def _message(value: Object, role: str) -> ChatMessage:
    """One message; LangChain nests its fields in `kwargs` or `data` and names the role `type`."""
    inner = next((value[name] for name in ("kwargs", "data") if isinstance(value.get(name), dict)), value)
    author = inner.get("role") or inner.get("type") or _class_role(value) or value.get("type") or role
    content = inner.get("content", inner.get("parts"))
    named = str(author)
    return ChatMessage(_ROLES.get(named, named), _words(content), tuple(_calls(inner, content)))


def _class_role(value: Object) -> str | None:
    """The role in the name of LangChain's class: [..., "HumanMessage"]."""
    path = value.get("id")
    name = path[-1] if isinstance(path, list) and path and isinstance(path[-1], str) else ""
    known = {"HumanMessage": "user", "AIMessage": "assistant", "AIMessageChunk": "assistant", "ToolMessage": "tool"}
    return known.get(name) or ("system" if name == "SystemMessage" else None)


def _words(content: Any) -> str | None:
    """The text of a content.

    Of its parts, calls and reasoning are left out; another part without text becomes its type in brackets.
    """
    if not isinstance(content, list):
        return values.text(content)
    texts: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            texts.append(values.text(part) or "")
        elif part.get("type") in ("tool_use", "tool_call", "function_call", "thinking", "reasoning"):
            continue
        elif part.get("text") is not None:
            texts.append(values.text(part["text"]) or "")
        elif part.get("content") is not None:
            texts.append(_words(part["content"]) or "")
        else:
            texts.append(f"[{part.get('type') or ', '.join(map(str, part))}]")
    return "\n".join(texts) if texts else None


def _calls(message: Object, content: Any) -> list[tuple[str, str | None]]:
    """The calls that a message requests, in the layout of OpenAI, LangChain or Anthropic."""
    requested = message.get("tool_calls")
    if not isinstance(requested, list) or not requested:
        more = message.get("additional_kwargs")
        requested = more.get("tool_calls") if isinstance(more, dict) else None
    found: list[tuple[str, str | None]] = []
    for call in requested if isinstance(requested, list) else []:
        if isinstance(call, dict):
            function = call["function"] if isinstance(call.get("function"), dict) else call
            found.append(_call(function, "arguments", "args", "input"))
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    kinds = ("tool_use", "tool_call", "function_call")
    return found or [_call(part, "input", "arguments", "args") for part in parts if part.get("type") in kinds]


def _call(function: Object, *names: str) -> tuple[str, str | None]:
    given = next((function[name] for name in names if function.get(name) is not None), None)
    return values.text(function.get("name")) or "unknown", values.text(given)


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
