"""Messages of any client library in OpenAI's layout: role, text, calls and results under the same names.

Understood are OpenAI's chat and Responses items, Anthropic's and the AI SDK's content blocks, Gemini's parts,
LangChain's and AutoGen's messages, ShareGPT's `from` and `value`, and ChatGPT's exports.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.text_calls import calls_in_text, results_in_text

Message = Mapping[str, Any]

# Set on a message of the user that answers a call which the reply before it requests in its text.
ANSWERS_CALL = "answers_call"
# Set on a reply whose calls are in its text, and on a reply's items in OpenAI's Responses, which become one message.
_TEXT_CALLS, _ITEM = "calls_in_text", "is_item"
_AGENTS = (
    "assistant",
    "ai",
    "model",
    "bot",
    "gpt",
    "chatgpt",
    "agent",
    "llm",
    "chatbot",
    "aimessage",
    "aimessagechunk",
)
_TOOLS = (
    "tool",
    "function",
    "observation",
    "environment",
    "env",
    "ipython",
    "tool_result",
    "tool_response",
    "function_response",
    "function_result",
    "function-response",
    "functionresponse",
    "toolmessage",
    "functionmessage",
)
_WHOLE_CALL = ("function_call", "function-call", "tool_call", "functioncall")
# What clients call the roles of OpenAI's layout, in small letters.
ROLES = {
    **dict.fromkeys(_AGENTS, "assistant"),
    **dict.fromkeys(("user", "human", "humanmessage", "customer", "client"), "user"),
    **dict.fromkeys(("system", "developer", "systemmessage", "instructions"), "system"),
    **dict.fromkeys(_TOOLS, "tool"),
    # ShareGPT's variants: the whole text of such a message is a call.
    **dict.fromkeys(_WHOLE_CALL, "assistant"),
}
_ROLES = frozenset(ROLES.values())
# Roles that mean the agent, for messages that say what was looked for.
AGENT_ROLES = _AGENTS[:8]
ROLE_FIELDS = ("role", "from", "author", "speaker", "sender", "source")
_CONTENT_FIELDS = ("content", "value", "text", "parts", "message", "utterance")
# LangChain writes the role in `type`; with other values it says what kind of message or item it is.
_ROLE_TYPES = ("human", "ai", "system", "tool", "function", "aimessagechunk")
# Fields of events that also name a source and hold some content.
_EVENT_FIELDS = {"action", "observation", "kind", "event"}
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use", "tool_call", "tool-call", "function_call")
_THOUGHTS = ("thinking", "reasoning", "redacted_thinking", "reasoning_text")
_ARGUMENTS = ("arguments", "args", "input", "parameters", "action_input", "kwargs")
_IDS = ("id", "call_id", "tool_call_id", "toolCallId", "tool_use_id")


def is_message(value: Any) -> bool:
    """Whether a value could be a message: it names who speaks, or is an item of OpenAI's Responses."""
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(name), str) for name in ("role", "from")):
        return True
    wrapped = _unfolded(value) is not value
    if _role(value) is not None and (wrapped or any(name in value for name in _CONTENT_FIELDS)):
        return not value.keys() & _EVENT_FIELDS
    return _is_item(value)


def normal(messages: Sequence[Any]) -> list[Message]:
    """The messages in OpenAI's layout; calls, results and thoughts are taken out of their blocks and texts.

    A role that is the name of a called tool is that of its result. One that nothing is known of stays as it is, and so
    does what else a message has (times, usage, names).
    """
    found: list[Message] = []
    called: set[str | None] = set()
    for message in messages:
        for one in _plain(message) if isinstance(message, dict) else []:
            role = one["role"]
            _append(found, {**one, "role": "tool", "name": role} if role in called - _ROLES else one)
            called.update(call["function"]["name"] for call in one.get("tool_calls", ()))
    return found


def texts_of(content: Any) -> str | None:
    """The text of a message's content, a part a line; calls, results and thoughts among the parts are left out."""
    if isinstance(content, dict):
        content = content["parts"] if isinstance(content.get("parts"), list) else [content]
    if not isinstance(content, list):
        return values.text(content)
    parts = [part for part in content if not _is_call(part) and not _is_result(part) and not _is_thought(part)]
    return "\n".join(_part_text(part) for part in parts)


def _part_text(part: Any) -> str:
    """The text of one part; an image becomes the address or data that it is of, another part its JSON."""
    if not isinstance(part, dict):
        return values.text(part) or ""
    image = _image(part)
    if image is not None:
        return image
    for name in ("text", "content", "refusal", "transcript"):
        inner = part.get(name)
        if isinstance(inner, dict) and isinstance(inner.get("value"), str):
            inner = inner["value"]
        if isinstance(inner, list):
            return texts_of(inner) or ""
        if inner is not None:
            return values.text(inner) or ""
    return values.text(part) or ""


def _image(part: Mapping[str, Any]) -> str | None:
    """The address of an image part (`data:image/png;base64,...` where it holds the image itself); None for others."""
    source = part.get("source")
    if isinstance(source, dict) and source.get("type") in ("base64", "url"):
        data, kind = source.get("data"), source.get("media_type")
        return values.text(source.get("url")) if data is None else f"data:{kind};base64,{data}"
    for name in ("inline_data", "inlineData"):
        blob = part.get(name)
        if isinstance(blob, dict):
            return f"data:{blob.get('mime_type') or blob.get('mimeType')};base64,{blob.get('data')}"
    address = part.get("image_url")
    if isinstance(address, dict):
        address = address.get("url")
    if isinstance(address, str):
        return address
    if part.get("type") == "image" and isinstance(part.get("data"), str):
        return f"data:{part.get('mimeType') or part.get('media_type') or 'image/png'};base64,{part['data']}"
    return None


def _role(message: Mapping[str, Any]) -> str | None:
    """The role as the message states it."""
    for name in ROLE_FIELDS:
        value = message.get(name)
        if isinstance(value, dict):
            value = value.get("role") or value.get("name")
        if isinstance(value, str):
            return value
    kind = message.get("type")
    if isinstance(kind, str) and kind.lower() in _ROLE_TYPES:
        return kind
    path = message.get("id")
    return path[-1] if isinstance(path, list) and path and isinstance(path[-1], str) else None


def _unfolded(message: dict[str, Any]) -> dict[str, Any]:
    """A message without the wrapper that LangChain's dumps and some logs put around it."""
    for name in ("kwargs", "data", "message"):
        inner = message.get(name)
        if isinstance(inner, dict) and inner.keys() & {"content", "parts", "role"}:
            role = _role(message)
            return {**({"role": role} if role is not None else {}), **inner}
    return message


def _plain(message: dict[str, Any]) -> list[Message]:
    """The messages in OpenAI's layout that one message stands for: the results in it, then itself."""
    grouped = message.get("tool_messages")
    if isinstance(grouped, list):
        return [plain for one in grouped if isinstance(one, dict) for plain in _plain(one)]
    message = _unfolded(message)
    if _is_item(message):
        return _of_item(message)
    stated = (_role(message) or "").strip().rstrip(":")
    content = _content(message)
    plain: dict[str, Any] = {**message, "role": ROLES.get(stated.lower(), stated), "content": content}
    plain.pop("tool_calls", None)
    results: list[Message] = []
    if isinstance(content, list):
        results = [_result(part) for part in content if _is_result(part)]
        thoughts = [words for part in content if _is_thought(part) and (words := _thought(part))]
        said = [part for part in content if not (_is_call(part) or _is_result(part) or _is_thought(part))]
        plain["content"] = said or None
        if thoughts:
            plain["thinking"] = "\n".join(thoughts)
        if results and not said and not thoughts:
            return results
    calls = _requested(message, content)
    if not calls and plain["role"] == "assistant":
        calls = calls_in_text(texts_of(plain["content"]) or "", whole=stated.lower() in _WHOLE_CALL)
        plain[_TEXT_CALLS] = bool(calls)
    if calls:
        plain["tool_calls"] = calls
    return [*results, plain]


def _content(message: Message) -> Any:
    content = next((message[name] for name in _CONTENT_FIELDS if message.get(name) is not None), None)
    if not isinstance(content, dict):
        return content
    if isinstance(content.get("parts"), list):
        return content["parts"]
    return [content] if content.keys() & {"type", "text"} else content


def _append(found: list[Message], message: Message) -> None:
    """Add a message: as the result of calls in the text before it, or joined to the reply whose next item it is."""
    last = found[-1] if found else {}
    if last.get(_TEXT_CALLS) and message.get("role") in ("user", "tool"):
        results = results_in_text(texts_of(message.get("content")) or "")
        if results is None:
            found.append({**message, ANSWERS_CALL: True})
        else:
            found.extend({**message, "role": "tool", "content": result} for result in results)
    elif last.get(_ITEM) and message.get(_ITEM) and last["role"] == message["role"] == "assistant":
        found[-1] = _joined(last, message)
    else:
        found.append(message)


def _joined(first: Message, second: Message) -> Message:
    """Two items of one reply as one message."""
    texts = [text for one in (first, second) if (text := texts_of(one.get("content")))]
    thoughts = [one["thinking"] for one in (first, second) if one.get("thinking")]
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    joined = {**first, **second, "content": "\n".join(texts) or None}
    joined.update({"tool_calls": calls} if calls else {})
    joined.update({"thinking": "\n".join(thoughts)} if thoughts else {})
    return joined


def _is_call(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    return part.get("type") in _CALLS or any(
        isinstance(part.get(key), dict) for key in ("functionCall", "function_call")
    )


def _is_result(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    kind = part.get("type")
    if isinstance(kind, str) and (kind.endswith("tool_result") or kind in ("tool-result", "function_call_output")):
        return True
    return any(isinstance(part.get(key), dict) for key in ("functionResponse", "function_response"))


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in _THOUGHTS or part.get("thought") is True)


def _thought(part: Mapping[str, Any]) -> str | None:
    for name in ("thinking", "reasoning", "text", "summary", "content"):
        if part.get(name):
            return texts_of(part[name])
    return None


def _result(part: Mapping[str, Any]) -> Message:
    """A block with a call's result as a message of the tool."""
    inner = next(
        (part[key] for key in ("functionResponse", "function_response") if isinstance(part.get(key), dict)), part
    )
    names = ("tool_use_id", "toolCallId", "call_id", "tool_call_id", "id")
    content = next(
        (inner[key] for key in ("content", "output", "result", "response", "text") if inner.get(key) is not None), None
    )
    if isinstance(content, dict) and content.keys() == {"type", "value"}:
        content = content["value"]
    failed = next((inner[key] for key in ("is_error", "isError") if isinstance(inner.get(key), bool)), None)
    return {
        "role": "tool",
        "tool_call_id": next((inner[name] for name in names if inner.get(name) is not None), None),
        "name": inner.get("name") or inner.get("toolName"),
        "content": content if not isinstance(content, dict) else values.text(content),
        "is_error": failed,
    }


def _requested(message: Message, content: Any) -> list[Message]:
    """The calls that a message requests outside its text, as `{id, function: {name, arguments}}`."""
    listed = message.get("tool_calls")
    if not listed:
        more = message.get("additional_kwargs")
        listed = more.get("tool_calls") if isinstance(more, dict) else None
    if not listed:
        listed = message.get("function_call")
    if isinstance(listed, str):
        decoded = _decoded(listed)
        listed = decoded if decoded is not None else calls_in_text(listed, whole=True)
    parts = [part for part in content if _is_call(part)] if isinstance(content, list) else []
    asked = [listed] if isinstance(listed, dict) else listed
    asked = asked if isinstance(asked, list) else []
    calls = [call for one in asked for call in _calls_of(one)]
    return calls or [call for part in parts for call in _calls_of(part)]


def _calls_of(call: Any) -> Iterable[Message]:
    """The calls that an element of a list of calls stands for; none where it names no tool."""
    if isinstance(call, str):
        decoded = _decoded(call)
        return _calls_of(decoded) if isinstance(decoded, dict) else calls_in_text(call, whole=True)
    if not isinstance(call, dict):
        return []
    inner = next((call[key] for key in ("functionCall", "function_call") if isinstance(call.get(key), dict)), call)
    function = inner.get("function", inner.get("custom"))
    fields = function if isinstance(function, dict) else inner
    names = ("name", "tool_name", "toolName", "tool", "function", "action")
    tool = next((fields[name] for name in names if isinstance(fields.get(name), str)), None)
    if tool is None and not isinstance(function, dict):
        return []
    given = next((fields[name] for name in _ARGUMENTS if fields.get(name) is not None), None)
    call_id = next((inner[name] for name in _IDS if inner.get(name) is not None), None)
    return [{"id": call_id, "function": {"name": tool, "arguments": given}}]


def _decoded(text: str) -> Any:
    """The list or object that a text spells; None for other texts."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def _is_item(message: Message) -> bool:
    """Whether it is an item of OpenAI's Responses that is no message."""
    kind = message.get("type")
    if not isinstance(kind, str) or isinstance(message.get("role"), str):
        return kind == "message" and isinstance(message.get("role"), str) and isinstance(message.get("content"), list)
    if kind == "reasoning":
        return "summary" in message or "encrypted_content" in message
    if kind.endswith(("_call_output", "_call_result")):
        return "output" in message or "call_id" in message
    return kind.endswith("_call") and message.keys() & {"call_id", "arguments", "status", "action", "name"} != set()


def _of_item(item: dict[str, Any]) -> list[Message]:
    """An item of OpenAI's Responses as messages."""
    kind, call_id = item["type"], item.get("call_id", item.get("id"))
    if kind == "message":
        role = item["role"]
        return [{**item, "role": ROLES.get(role.lower(), role), _ITEM: True}]
    if kind == "reasoning":
        thoughts = texts_of(item.get("summary")) or texts_of(item.get("content"))
        return [{"role": "assistant", "content": None, "thinking": thoughts, _ITEM: True}]
    if kind.endswith(("_call_output", "_call_result")):
        output = item.get("output")
        return [{"role": "tool", "tool_call_id": call_id, "content": output, "is_error": item.get("is_error")}]
    given = next((item[key] for key in (*_ARGUMENTS, "action", "queries", "code") if item.get(key) is not None), None)
    name = values.text(item.get("name")) or kind.removesuffix("_call")
    call = {"id": call_id, "function": {"name": name, "arguments": given}}
    asked: Message = {"role": "assistant", "content": None, "tool_calls": [call], _ITEM: True}
    result = next((item[key] for key in ("output", "results", "outputs", "result", "error") if item.get(key)), None)
    if result is None:
        return [asked]
    failed = bool(item.get("error")) or item.get("status") == "failed"
    content = result if isinstance(result, str | list) else values.text(result)
    return [asked, {"role": "tool", "tool_call_id": call_id, "content": content, "is_error": failed or None}]
