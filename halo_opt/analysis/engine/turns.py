"""A turn as JSON: the schema of a reply for the tools on offer, and the reading of replies that may not fit it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from halo_opt.analysis.tools.base import Arguments, Tool
from halo_opt.core.validation import first_problem, foreign_words
from halo_opt.llm.parsing import json_objects
from halo_opt.llm.reply_schema import CompactSchema


@dataclass(frozen=True)
class Action:
    """One action of a turn: a tool with its arguments, or the problem as text for the model and its kind (`fault`)."""

    name: str
    tool: Tool | None = None
    arguments: Arguments | None = None
    problem: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Turn:
    """A reply as read; where it cannot be read, `problem` says why and there are no actions."""

    thought: str = ""
    actions: list[Action] = field(default_factory=list)
    problem: str = ""


class _Turn(CompactSchema):
    """Base of every turn's form. The system prompt says what its parts mean."""

    model_config = ConfigDict(extra="forbid")


def turn_schema(tools: Sequence[Tool], max_actions: int, thought_chars: int) -> type[BaseModel]:
    """The schema of a reply: `{"thought": ..., "actions": [{"tool": name, ...its arguments}, ...]}`."""
    offered = [_action(tool) for tool in tools]
    # A plain union (anyOf): not every provider takes oneOf with a discriminator, and the tool names differ anyway.
    one: Any = reduce(or_, offered)
    return create_model(
        "Turn",
        __base__=_Turn,
        thought=(str, Field(max_length=thought_chars)),
        actions=(list[one], Field(min_length=1, max_length=max_actions)),
    )


def _action(tool: Tool) -> type[BaseModel]:
    """The arguments of a tool after its name: a model writes token by token, so it must choose the tool first."""
    fields: dict[str, Any] = {"tool": (Literal[tool.name], ...)}
    fields |= {name: (info.annotation, info) for name, info in tool.arguments.model_fields.items()}
    made: type[BaseModel] = create_model(tool.name, __config__=ConfigDict(extra="forbid"), **fields)
    return made


def read_turn(
    text: str, tools: Mapping[str, Tool], max_actions: int, withheld: Mapping[str, str] | None = None
) -> Turn:
    """Read a reply action by action, so that one wrong action does not spoil the others.

    Args:
        text: the reply.
        tools: the tools on offer, by name.
        max_actions: actions beyond so many are not done.
        withheld: why a tool that the agent has is not on offer in this turn, by its name.
    """
    reply = json_in(text)
    if reply is None:
        return Turn(problem=_unreadable(text.strip()))
    listed = reply.get("actions")
    if listed is None and "tool" in reply:
        listed = [reply]  # a single action without the list, as small models like to write it
    if not isinstance(listed, list) or not listed:
        return Turn(problem='It has no list "actions".')
    actions = [_read_action(action, tools, withheld or {}) for action in listed[:max_actions]]
    too_many = f"a turn has at most {max_actions} actions; repeat this one in the next turn"
    actions += [Action(_name(action), problem=too_many, fault="too many actions") for action in listed[max_actions:]]
    return Turn(thought=str(reply.get("thought") or ""), actions=actions)


def _unreadable(text: str) -> str:
    if not text:
        return "It is empty."
    if text.startswith("{") and text.count("{") > text.count("}"):
        return "It ends in the middle: write less, one action at a time."
    return "It is not one JSON object."


def _name(action: Any) -> str:
    return str(action.get("tool"))[:40] if isinstance(action, dict) else "?"


def _read_action(given: Any, tools: Mapping[str, Tool], withheld: Mapping[str, str]) -> Action:
    name = _name(given)
    tool = tools.get(name)
    if tool is None and name in withheld:
        return Action(name, problem=withheld[name], fault="tool not offered")
    if tool is None:
        return Action(name, problem=f"there is no such tool; there are {', '.join(tools)}", fault="unknown tool")
    arguments = {key: value for key, value in given.items() if key != "tool"}
    try:
        return Action(name, tool, tool.arguments.model_validate(arguments))
    except ValidationError as error:
        problem = foreign_words(error, name) or first_problem(error)
        return Action(name, problem=f"{problem}; its form is {form_of(tool)}", fault="bad arguments")


def form_of(tool: Tool) -> str:
    """The form of a tool's action in one line, as in `{"tool": "sql", "query": text}`."""
    schema = tool.arguments.model_json_schema()
    return "{" + ", ".join([f'"tool": "{tool.name}"', *_fields(schema, schema, quotes='"')]) + "}"


def form_inside(arguments: type[BaseModel]) -> str:
    """The form of an object as it stands within another form."""
    schema = arguments.model_json_schema()
    return _type(schema, schema)


def details_of(tool: Tool) -> list[str]:
    """The descriptions of a tool's arguments."""
    fields = tool.arguments.model_fields.items()
    return [f"{name}: {info.description}" for name, info in fields if info.description]


def _fields(part: Mapping[str, Any], schema: Mapping[str, Any], quotes: str = "") -> list[str]:
    """`name: type` of each property of an object; `?` marks those that may be left out."""
    required = set(part.get("required", []))
    fields = []
    for name, inner in part.get("properties", {}).items():
        mark = "" if name in required else "?"
        fields.append(f"{quotes}{name}{quotes}{mark}: {_type(inner, schema)}")
    return fields


def _type(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A property's type in short; `schema` holds the definitions that it refers to."""
    if "$ref" in part:
        return _type(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    if "enum" in part:
        return "|".join(str(value) for value in part["enum"])
    if "anyOf" in part:
        # The ? before it says already that it may be null.
        kinds = [_type(one, schema) for one in part["anyOf"] if one.get("type") != "null"]
        return "|".join(dict.fromkeys(kinds))
    kind = part.get("type")
    if kind == "array":
        return f"[{_type(part.get('items', {}), schema)}]"
    if kind == "object" and "properties" in part:
        return "{" + ", ".join(_fields(part, schema)) + "}"
    return {"string": "text", "integer": "int", "boolean": "bool"}.get(str(kind), str(kind or "any"))


def json_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in a reply, whatever stands around it; None where there is none."""
    for found in json_objects(text):
        first: dict[str, Any] = json.loads(found)
        return first
    return None
