"""Converts the reply schema to the strict form that providers enforce, and their reply back.

OpenAI and Anthropic hold a reply to a schema only when its root is one object, when every object names all its keys
as required and allows no others, and when every value has a type. Ours may be a choice of objects with keys left out.
"""

import json
from typing import Any

# The one key of the object that a choice of objects is wrapped into.
WRAP = "act"


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema for a strict provider. A key that may be missing becomes one that may be null."""
    tight = _tight(schema)
    if schema.get("type") == "object":
        return tight
    return {"type": "object", "properties": {WRAP: tight}, "required": [WRAP], "additionalProperties": False}


def unwrapped(reply: str) -> str:
    """The reply as our own schema would have it: the wrapping object off, keys that are null left out.

    Anything else, prose and refusals included, is handed on as it is: that is the agent's doing.
    """
    try:
        data = json.loads(reply)
    except ValueError:
        return reply
    if isinstance(data, dict) and set(data) == {WRAP} and isinstance(data[WRAP], dict):
        data = data[WRAP]
    if not isinstance(data, dict):
        return reply
    return json.dumps({key: value for key, value in data.items() if value is not None}, ensure_ascii=False)


def _tight(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_tight(branch) for branch in schema["anyOf"]]}
    if schema.get("type") != "object":
        return {"type": "string", **schema}
    required = set(schema.get("required", ()))
    properties = {
        key: _tight(value) if key in required else {"anyOf": [_tight(value), {"type": "null"}]}
        for key, value in schema["properties"].items()
    }
    return {**schema, "properties": properties, "required": list(properties), "additionalProperties": False}
