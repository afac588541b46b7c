"""Tool calls that an agent writes into its text, and the results that its program answers with in a user's message."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from halo_opt.store import values

Message = Mapping[str, Any]

# Hermes, Qwen, Glaive: JSON between tags.
_TAG = re.compile(r"<(tool_call|functioncall|function_call)>")
# Qwen-Coder, OpenHands: a tag for the function and one for each parameter; and Claude's older XML.
_FUNCTION, _PARAMETER = re.compile(r"<function=([\w.:-]+)>"), re.compile(r"<parameter=([\w.:-]+)>")
_INVOKE = re.compile(r'<(?:\w+:)?invoke name="([\w.:-]+)">')
_INVOKE_PARAMETER = re.compile(r'<(?:\w+:)?parameter name="([\w.:-]+)"[^>]*>')
# ReAct: `Action: tool[...]`, the tool and its input on lines of their own, or an object with both.
_ACTION = r"^[ \t>*]*Action[ \t\d]*:"
_BRACKETS = re.compile(rf"(?m){_ACTION}[ \t*`]*([\w.-]+)[ \t]*[\[(](.*?)[\])][ \t`*]*$")
_TWO_LINES = re.compile(
    rf"(?ms){_ACTION}[ \t*`]*([^\n\[({{`]{{1,80}}?)[ \t*`]*\n[ \t>*\n]*Action[ _]Input[ \t\d]*:[ \t*]*"
    r"(.*?)(?=^[ \t]*(?:Observation|Thought|Action)[ \t\d]*:|\Z)"
)
_JSON_ACTION = re.compile(rf"(?m){_ACTION}\s*(?:```(?:json)?\s*)?(?=\{{)")
# Llama and Mistral: JSON behind a mark.
_MARKS = ("<|python_tag|>", "[TOOL_CALLS]")
_FENCED = re.compile(r"(?s)\s*```[a-z_]*\s*(\{.*\})\s*```\s*")
_FUNCTION_CALL = re.compile(r"(?s)\s*([A-Za-z_][\w.]*)\((.*)\)\s*")
_NAMES = ("name", "tool", "tool_name", "action", "function")
_ARGUMENTS = ("arguments", "args", "parameters", "input", "action_input", "tool_input", "kwargs")
_NAME = re.compile(r'"(?:name|tool|action)"\s*:\s*"([^"]+)"')
_TOOL = re.compile(r"[\w.:/-]{1,80}")
_RESPONSE = re.compile(r"<(tool_response)>")
_OBSERVATION = re.compile(r"\A\s*(?:Observation|FUNCTION RESPONSE)[ \t\d]*:[ \t]?")


def calls_in_text(text: str, *, whole: bool) -> list[Message]:
    """The calls that a text holds, as `{id, function: {name, arguments}}`, in order.

    Args:
        text: what the agent said.
        whole: the text is nothing but a call, as the message's role or its place among the calls says.
    """
    for find in (_tagged, _with_parameters, _marked, _react):
        found = list(find(text))
        if found:
            return found
    fenced = _FENCED.fullmatch(text)
    call = _of_json(fenced.group(1) if fenced else text.strip())
    if call is not None:
        return [call]
    function = _FUNCTION_CALL.fullmatch(text) if whole else None
    if function is not None:
        return [_call(function.group(1), function.group(2))]
    return [_call("unknown", text)] if whole and text.strip() else []


def results_in_text(text: str) -> list[str] | None:
    """The results in a message that answers calls made in a text, without their marks; None where none is marked."""
    tagged = [inner.strip() for _, inner in _sections(text, _RESPONSE, "</tool_response>")]
    if tagged:
        return tagged
    plain = _OBSERVATION.sub("", text)
    return None if plain == text else [plain]


def _sections(text: str, opening: re.Pattern[str], closing: str) -> Iterator[tuple[str, str]]:
    """(name in the opening tag, text up to the closing tag or the end) of each section."""
    place = 0
    while (match := opening.search(text, place)) is not None:
        end = text.find(closing.format(match.group(1)), match.end())
        place = len(text) if end < 0 else end
        yield match.group(1), text[match.end() : place]


def _tagged(text: str) -> Iterator[Message]:
    for _, inner in _sections(text, _TAG, "</{}>"):
        functions = list(_with_parameters(inner))
        call = _of_json(inner.strip())
        named = _NAME.search(inner)
        if functions:
            yield from functions
        else:
            yield call if call is not None else _call(named.group(1) if named else "unknown", inner.strip())


def _marked(text: str) -> Iterator[Message]:
    place = max(text.find(mark) + len(mark) if mark in text else 0 for mark in _MARKS)
    listed = text[place:].strip() if place else ""
    if listed.startswith("["):
        try:
            calls, _ = json.JSONDecoder().raw_decode(listed)
        except (ValueError, RecursionError):
            return
        yield from (call for one in calls if (call := _of_object(one)) is not None)
    elif (call := _of_json(listed)) is not None:
        yield call


def _with_parameters(text: str) -> Iterator[Message]:
    for opening, parameter, closings in (
        (_FUNCTION, _PARAMETER, ("</function>", "</parameter>")),
        (_INVOKE, _INVOKE_PARAMETER, ("</invoke>", "</parameter>")),
    ):
        for name, inner in _sections(text, opening, closings[0]):
            given = {key: value.strip("\n") for key, value in _sections(inner, parameter, closings[1])}
            yield _call(name, given)


def _react(text: str) -> Iterator[Message]:
    if "Action" not in text:
        return
    found = [(name.strip(), given.strip("` \t\n")) for name, given in _TWO_LINES.findall(text)]
    found = found or _BRACKETS.findall(text)
    for name, given in found:
        yield _call(name, given)
    place = None if found else _JSON_ACTION.search(text)
    call = _of_json(text[place.end() :]) if place is not None else None
    if call is not None:
        yield call


def _of_json(text: str) -> Message | None:
    """The call that a JSON object at the beginning of a text spells; None where it names no tool or no arguments."""
    if not text.startswith("{"):
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return _of_object(value)


def _of_object(value: Any) -> Message | None:
    function = value.get("function") if isinstance(value, dict) else None
    fields = function if isinstance(function, dict) else value
    if not isinstance(fields, dict):
        return None
    tool = next((fields[name] for name in _NAMES if isinstance(fields.get(name), str)), None)
    given = next((name for name in _ARGUMENTS if name in fields), None)
    if tool is None or given is None or _TOOL.fullmatch(tool) is None:
        return None
    return _call(tool, fields[given])


def _call(tool: str, arguments: Any) -> Message:
    return {"id": None, "function": {"name": tool, "arguments": values.text(arguments)}}
