"""The JSON schema of a reply as it goes to a server: no larger than it need be, since it is paid for with every call.

Nothing of it is trusted to be kept: a reply is always read by the model that the schema was made of, whose bounds hold.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from halo_opt.llm.endpoint import Endpoint

Schema = dict[str, Any]
_WORDS = ("title", "description", "default")
_BOUNDS = (
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
)


class CompactSchema(BaseModel):
    """Base of replies whose prompt says what each part means: their schema has no words and no defaults, and a part
    that may be left out is never null.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> Schema:
        """The form alone: types, names, bounds, what is required."""
        schema = super().model_json_schema(*args, **options)
        named = schema.pop("$defs", {})
        uses = Counter(name for part in (schema, *named.values()) for name in _refs(part))
        often = {name for name, part in named.items() if uses[name] > 1 or _has_optional(part)}
        once = {name: part for name, part in named.items() if name not in often}
        bare = _bare(schema, once)
        return {**bare, "$defs": {name: _bare(named[name], once) for name in sorted(often)}} if often else bare


def schema_for_server(endpoint: Endpoint, schema: type[BaseModel]) -> Schema:
    """The schema as this server gets it. Our own makes a grammar of it, for which bounds cost nothing and keep a small
    model from running on; others have it read like a prompt, so that a form's inner bounds are left out.
    """
    whole = schema.model_json_schema()
    if endpoint.provider == "local" or not issubclass(schema, CompactSchema):
        return whole
    sent: Schema = _unbounded(whole, inner=False)
    return sent


def schema_prompt_bytes(endpoint: Endpoint, schema: type[BaseModel] | None) -> int:
    """How much of a prompt the schema is: nothing where it is only a grammar."""
    if schema is None or endpoint.provider == "local":
        return 0
    return len(json.dumps(schema_for_server(endpoint, schema), separators=(",", ":")).encode())


def _has_optional(part: Schema) -> bool:
    """Of what may be left out Anthropic takes 24 at most, not counting what is told apart under a name of its own."""
    return len(part.get("required", ())) < len(part.get("properties", ()))


def _refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for inside in part.values():
            yield from _refs(inside)
    elif isinstance(part, list):
        for inside in part:
            yield from _refs(inside)


def _bare(part: Schema, once: dict[str, Schema]) -> Schema:
    """A schema without words; what `once` holds stands where it is named."""
    name = part.get("$ref", "").rpartition("/")[2]
    if name in once:
        return _bare(once[name], once)
    kept = {key: value for key, value in part.items() if key not in _WORDS}
    if "properties" in kept:
        kept["properties"] = {key: _bare(value, once) for key, value in kept["properties"].items()}
    if isinstance(kept.get("items"), dict):
        kept["items"] = _bare(kept["items"], once)
    if "anyOf" in kept:
        one_of = [_bare(one, once) for one in kept.pop("anyOf")]
        if "default" in part:
            one_of = [one for one in one_of if one != {"type": "null"}]
        if {"type": "number"} in one_of:
            one_of = [one for one in one_of if one != {"type": "integer"}]
        return kept | (one_of[0] if len(one_of) == 1 else {"anyOf": one_of})
    return kept


def _unbounded(part: Any, *, inner: bool = True) -> Any:
    """Without the bounds of what is inside; those of the first level stay."""
    if isinstance(part, list):
        return [_unbounded(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept: Schema = {}
    for key, value in part.items():
        if inner and key in _BOUNDS:
            continue
        if key in ("properties", "$defs"):
            kept[key] = {name: _first_level(one) if not inner else _unbounded(one) for name, one in value.items()}
        else:
            kept[key] = _unbounded(value)
    return kept


def _first_level(part: Schema) -> Schema:
    rest: Schema = _unbounded(part)
    return {key: part[key] for key in _BOUNDS if key in part} | rest
