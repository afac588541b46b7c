"""JSON Schema, as far as a settings file needs it: find the part that a dotted key means, and check one value.

Covers what pydantic writes for models, enums, numbers with bounds, optionals, lists and maps. Pure: no I/O. A keyword
that is not known here never widens what is allowed: a part without any known keyword refuses every value.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from halo_common.text import nearest

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_KNOWN = {"type", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "additionalProperties", "items"}
_MAX_DEPTH = 24


class SchemaMismatch(ValueError):
    """A key is not in the schema or a value lies outside it; `str()` is the part of a sentence that says why."""


def resolve(schema: Schema, root: Schema) -> Schema:
    """`schema` with its `$ref` followed inside `root`; siblings of the reference win."""
    for _ in range(_MAX_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target: Any = root
        if not reference.startswith("#/"):
            raise SchemaMismatch(f"its schema refers to {reference}, which is outside the schema")
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            raise SchemaMismatch(f"its schema refers to {reference}, which does not exist")
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    raise SchemaMismatch("its schema refers to itself")


def _branches(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The alternatives of an optional or union, each resolved; a plain schema is its own only branch."""
    schema = resolve(schema, root)
    found = False
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            found = True
            yield from _branches(part, root)
    if not found or "properties" in schema:
        yield schema


def children(schema: Schema, root: Schema) -> dict[str, Schema]:
    """Named settings directly below a part of the schema."""
    found: dict[str, Schema] = {}
    for branch in _branches(schema, root):
        for name, part in branch.get("properties", {}).items():
            found.setdefault(name, part)
    return found


def find(root: Schema, key: str) -> Schema:
    """The part of the schema that dotted `key` means; raises SchemaMismatch that names the nearest key."""
    here = root
    parts = key.split(".")
    for depth, part in enumerate(parts):
        named = children(here, root)
        if part in named:
            here = named[part]
            continue
        free = _free_child(here, root, part)
        if free is None:
            raise SchemaMismatch(_no_such_key(root, key, ".".join(parts[:depth]), list(named)))
        here = free
    return resolve(here, root)


def _free_child(schema: Schema, root: Schema, part: str) -> Schema | None:
    """The schema of a map's value, or of a list's item when `part` is a number."""
    for branch in _branches(schema, root):
        extra = branch.get("additionalProperties")
        if isinstance(extra, Mapping) and part:
            return extra
        items = branch.get("items")
        if isinstance(items, Mapping) and part.isdigit():
            return items
    return None


def _no_such_key(root: Schema, key: str, parent: str, siblings: list[str]) -> str:
    known = keys(root)
    leaf = key.rsplit(".", 1)[-1]
    same_name = [k for k in known if k.rsplit(".", 1)[-1] == leaf]
    near = nearest(key, same_name or known, cutoff=0.0 if same_name else 0.6)
    if near:
        return f"there is no setting {key}; the nearest is {near}"
    under = f"under {parent}" if parent else "at the top"
    return f"there is no setting {key}; {under} there are: {', '.join(sorted(siblings)) or 'none'}"


def keys(root: Schema) -> list[str]:
    """Every dotted key of a single setting (not of a group of settings), in the schema's order."""
    return [key for key, _ in leaves(root)]


def leaves(root: Schema) -> list[tuple[str, Schema]]:
    """Every single setting: (dotted key, its resolved schema). Keys inside maps with free names are left out."""
    found: list[tuple[str, Schema]] = []

    def walk(schema: Schema, prefix: str, depth: int) -> None:
        named = children(schema, root)
        if not named or depth > _MAX_DEPTH:
            part = resolve(schema, root)
            if prefix and part.get("type") != "object":
                found.append((prefix, part))
            return
        for name, part in named.items():
            walk(part, f"{prefix}.{name}" if prefix else name, depth + 1)

    walk(root, "", 0)
    return found


def check(value: Any, schema: Schema, root: Schema) -> None:
    """Raise SchemaMismatch, naming the bounds, unless `value` is allowed by `schema`."""
    problem = _problem(value, resolve(schema, root), root, 0)
    if problem:
        raise SchemaMismatch(problem)


def _problem(value: Any, schema: Schema, root: Schema, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        return "its schema is nested too deeply"
    schema = resolve(schema, root)
    if not _KNOWN & schema.keys():
        return "its schema does not say what is allowed"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            problems = [_problem(value, part, root, depth + 1) for part in schema[word]]
            if None not in problems:
                return " or ".join(dict.fromkeys(p for p in problems if p))
    for part in schema.get("allOf", ()):
        if problem := _problem(value, part, root, depth + 1):
            return problem
    return _enum_problem(value, schema) or _type_problem(value, schema) or _inside_problem(value, schema, root, depth)


def _enum_problem(value: Any, schema: Schema) -> str | None:
    allowed = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    if allowed is None or any(type(a) is type(value) and a == value for a in allowed):
        return None
    return f"must be one of {', '.join(_show(a) for a in allowed)}, not {_show(value)}"


def _type_problem(value: Any, schema: Schema) -> str | None:
    default = "object" if "properties" in schema else "array" if "items" in schema else None
    names = schema.get("type", default)
    if names is None:
        return None
    names = names if isinstance(names, list) else [names]
    for name in names:
        # bool is an int to Python, and never a number to a settings file.
        if isinstance(value, _TYPES.get(name, ())) and not (isinstance(value, bool) and name != "boolean"):
            return None
    return f"must be {' or '.join(names)}, not {_show(value)}"


def _inside_problem(value: Any, schema: Schema, root: Schema, depth: int) -> str | None:
    if isinstance(value, str):
        return _size_problem(len(value), schema, "minLength", "maxLength", "characters") or _pattern(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _bounds_problem(value, schema)
    if isinstance(value, list):
        problems = [_problem(v, schema["items"], root, depth + 1) for v in value] if "items" in schema else []
        return _size_problem(len(value), schema, "minItems", "maxItems", "items") or next(filter(None, problems), None)
    if isinstance(value, dict):
        return "is a group of settings: set each one by its own key"
    return None


def _bounds_problem(value: float, schema: Schema) -> str | None:
    if not math.isfinite(value):
        return "must be a finite number"
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bad = (
        (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    )
    return f"must be {bounds(schema)}, not {_show(value)}" if bad else None


def bounds(schema: Schema) -> str:
    """The numeric bounds of a setting in words, "" when it has none."""
    words = (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))
    said = [f"{word} {schema[name]}" for name, word in (*words, ("exclusiveMaximum", "below")) if name in schema]
    return " and ".join(said)


def allowed(schema: Schema, root: Schema) -> str:
    """What a setting may be, in words."""
    said = []
    for part in _branches(schema, root):
        choices = part["enum"] if "enum" in part else [part["const"]] if "const" in part else None
        if choices is not None:
            said.append("one of " + ", ".join(_show(c) for c in choices))
        elif "type" in part:
            kind = " or ".join(part["type"]) if isinstance(part["type"], list) else str(part["type"])
            said.append(f"{kind} {bounds(part)}".strip())
    return " or ".join(dict.fromkeys(said)) or "anything that the harness accepts"


def _size_problem(size: int, schema: Schema, low: str, high: str, unit: str) -> str | None:
    if low in schema and size < schema[low]:
        return f"must have at least {schema[low]} {unit}, not {size}"
    if high in schema and size > schema[high]:
        return f"must have at most {schema[high]} {unit}, not {size}"
    return None


def _pattern(value: str, schema: Schema) -> str | None:
    pattern = schema.get("pattern")
    if pattern is None or re.search(pattern, value):
        return None
    return f"must match {pattern}, not {_show(value)}"


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
