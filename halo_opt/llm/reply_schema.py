"""The JSON schema of a reply as it is sent: as small as possible, since it is paid for with every call.

Whatever a server makes of it, a reply is validated by the pydantic model that the schema comes from.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from halo_opt.llm.endpoint import Endpoint

Schema = dict[str, Any]
_ANNOTATIONS = ("title", "description", "default")
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
    """Base of replies whose fields are explained in the prompt: the schema has no titles, descriptions and defaults.

    A field with a default may be left out, and is not null.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> Schema:
        """Types, names, bounds, and what is required."""
        schema = super().model_json_schema(*args, **options)
        named = schema.pop("$defs", {})
        uses = Counter(name for part in (schema, *named.values()) for name in _refs(part))
        often = {name for name, part in named.items() if uses[name] > 1 or _has_optional(part)}
        once = {name: part for name, part in named.items() if name not in often}
        bare = _bare(schema, once)
        return {**bare, "$defs": {name: _bare(named[name], once) for name in sorted(often)}} if often else bare


def schema_for_server(endpoint: Endpoint, schema: type[BaseModel]) -> Schema:
    """The schema as this server gets it.

    The embedded server makes a grammar of it: bounds cost nothing there and keep a small model from running on. Other
    servers read it as a part of the prompt, so a CompactSchema goes there without the bounds of its inner objects.
    """
    whole = schema.model_json_schema()
    if endpoint.provider == "local" or not issubclass(schema, CompactSchema):
        return whole
    sent: Schema = _unbounded(whole, inner=False)
    return sent


def schema_prompt_bytes(endpoint: Endpoint, schema: type[BaseModel] | None) -> int:
    """Bytes of the schema that are read as a part of the prompt: 0 where it is only made into a grammar."""
    if schema is None or endpoint.provider == "local":
        return 0
    return len(json.dumps(schema_for_server(endpoint, schema), separators=(",", ":")).encode())


def _has_optional(part: Schema) -> bool:
    """Whether a field may be left out. Anthropic takes 24 such fields at most, not counting those under `$defs`."""
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
    """The schema without annotations; a definition in `once` takes the place of the reference to it."""
    name = part.get("$ref", "").rpartition("/")[2]
    if name in once:
        return _bare(once[name], once)
    kept = {key: value for key, value in part.items() if key not in _ANNOTATIONS}
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
    """The schema without bounds, those of its first level of fields excepted unless `inner`."""
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
