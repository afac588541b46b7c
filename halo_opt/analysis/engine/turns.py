"""A turn as JSON: the schema that offers the tools, and what a reply that may break it still says. Runs no tool."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from halo_opt.analysis.tools.base import Arguments, Tool
from halo_opt.core.validation import first_problem, foreign_words
from halo_opt.llm.forms import Form
from halo_opt.llm.parsing import json_objects


@dataclass(frozen=True)
class Action:
    """One thing that a turn asks for: a tool with its arguments, or the problem in words for the model."""

    name: str
    tool: Tool | None = None
    arguments: Arguments | None = None
    problem: str = ""


@dataclass(frozen=True)
class Turn:
    """What a reply asks for; `problem` says in words why it cannot be read, then there are no actions."""

    thought: str = ""
    actions: list[Action] = field(default_factory=list)
    problem: str = ""


class _Turn(Form):
    """What every turn's form has in common. The system prompt says what its parts mean."""

    model_config = ConfigDict(extra="forbid")


def turn_schema(tools: Sequence[Tool], most: int, thought: int) -> type[BaseModel]:
    """The form of a reply: `{"thought": ..., "actions": [{"tool": name, ...its arguments}, ...]}`.

    At most `most` actions, and `thought` characters of thinking aloud.
    """
    offered = [_action(tool) for tool in tools]
    # A plain union (anyOf): not every provider takes oneOf with a discriminator, and the names tell them apart anyway.
    one: Any = reduce(or_, offered)
    return create_model(
        "Turn",
        __base__=_Turn,
        thought=(str, Field(max_length=thought)),
        actions=(list[one], Field(min_length=1, max_length=most)),
    )


def _action(tool: Tool) -> type[BaseModel]:
    """The arguments of a tool with its name before them: what writes token by token must choose the tool first."""
    fields: dict[str, Any] = {"tool": (Literal[tool.name], ...)}
    fields |= {name: (info.annotation, info) for name, info in tool.arguments.model_fields.items()}
    made: type[BaseModel] = create_model(tool.name, __config__=ConfigDict(extra="forbid"), **fields)
    return made


def read_turn(text: str, tools: Mapping[str, Tool], most: int) -> Turn:
    """What a reply asks for, taken apart action by action: one that is wrong does not spoil the others."""
    said = json_in(text)
    if said is None:
        return Turn(problem=_unreadable(text.strip()))
    asked = said.get("actions")
    if asked is None and "tool" in said:
        asked = [said]  # one action by itself, as small models like to write it
    if not isinstance(asked, list) or not asked:
        return Turn(problem='It has no list "actions".')
    actions = [_read_action(action, tools) for action in asked[:most]]
    actions += [
        Action(_name(action), problem=f"not done: at most {most} actions a turn; ask again") for action in asked[most:]
    ]
    return Turn(thought=str(said.get("thought") or ""), actions=actions)


def _unreadable(text: str) -> str:
    if not text:
        return "It is empty."
    if text.startswith("{") and text.count("{") > text.count("}"):
        return "It ends in the middle: write less, one thing at a time."
    return "It is not one JSON object."


def _name(action: Any) -> str:
    return str(action.get("tool"))[:40] if isinstance(action, dict) else "?"


def _read_action(said: Any, tools: Mapping[str, Tool]) -> Action:
    name = _name(said)
    tool = tools.get(name)
    if tool is None:
        return Action(name, problem=f"there is no such tool; there are {', '.join(tools)}")
    values = {key: value for key, value in said.items() if key != "tool"}
    try:
        return Action(name, tool, tool.arguments.model_validate(values))
    except ValidationError as error:
        problem = foreign_words(error, name) or first_problem(error)
        return Action(name, problem=f"{problem}; its form is {form_of(tool)}")


def form_of(tool: Tool) -> str:
    """The tool's action as a model should write it, in one line: `{"tool": "sql", "query": text}`."""
    schema = tool.arguments.model_json_schema()
    required = set(schema.get("required", []))
    parts = [
        f'"{name}"{"" if name in required else "?"}: {_type(part, schema)}'
        for name, part in schema.get("properties", {}).items()
    ]
    return "{" + ", ".join([f'"tool": "{tool.name}"', *parts]) + "}"


def form_inside(arguments: type[BaseModel]) -> str:
    """An object as it stands within another form."""
    schema = arguments.model_json_schema()
    return _type(schema, schema)


def details_of(tool: Tool) -> list[str]:
    """What each argument is, where its tool says so."""
    fields = tool.arguments.model_fields.items()
    return [f"{name}: {info.description}" for name, info in fields if info.description]


def _type(part: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if "$ref" in part:
        return _type(whole["$defs"][part["$ref"].rpartition("/")[2]], whole)
    if "enum" in part:
        return "|".join(str(value) for value in part["enum"])
    if "anyOf" in part:
        # That something may be null is what the ? before it says already.
        return "|".join(dict.fromkeys(_type(one, whole) for one in part["anyOf"] if one.get("type") != "null"))
    kind = part.get("type")
    if kind == "array":
        return f"[{_type(part.get('items', {}), whole)}]"
    if kind == "object" and "properties" in part:
        required = set(part.get("required", []))
        inside = (
            f"{name}{'' if name in required else '?'}: {_type(p, whole)}" for name, p in part["properties"].items()
        )
        return "{" + ", ".join(inside) + "}"
    return {"string": "text", "integer": "int", "boolean": "bool"}.get(str(kind), str(kind or "any"))


def json_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in a reply, with or without a fence or words around it; None where there is none."""
    for found in json_objects(text):
        said: dict[str, Any] = json.loads(found)
        return said
    return None
