"""The JSON Schema of a settings file: find the part that a dotted key means, and check one value against it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft4Validator, Draft202012Validator, ValidationError
from jsonschema.exceptions import UnknownType
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from halo_common.text import nearest

Schema = Mapping[str, Any]

_KNOWN = {"type", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "additionalProperties", "items"}
_SIZES = {"minLength": "at least", "maxLength": "at most", "minItems": "at least", "maxItems": "at most"}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
_MAX_DEPTH = 24
# A larger number no setting means, and neither YAML nor JSON readers agree on it.
_LARGEST = 10**18 - 1
# Draft 4 takes 2.0 for no integer; YAML tells the two apart, and so does the harness.
_Validator = extend(Draft202012Validator, type_checker=Draft4Validator.TYPE_CHECKER)  # type: ignore[no-untyped-call]


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
        if isinstance(items, Mapping) and part.isascii() and part.isdigit():
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
    """Raise SchemaMismatch, naming the bounds, unless `value` is allowed by `schema`, a part of `root`.

    A part that does not say what it allows refuses every value, and so does one that cannot be read.
    """
    schema = resolve(schema, root)
    if not all(_KNOWN & branch.keys() for branch in _branches(schema, root)):
        raise SchemaMismatch("its schema does not say what is allowed")
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        raise SchemaMismatch("must be a finite number")
    if any(isinstance(number, int) and abs(number) > _LARGEST for number in numbers):
        raise SchemaMismatch(f"must be a number of at most {len(str(_LARGEST))} digits")
    # References in the part point into the root; of the root's other keywords none is about a single value.
    places = {name: root[name] for name in ("$defs", "definitions", "properties") if name in root}
    try:
        # The empty registry keeps a reference to an address from being fetched.
        error = next(_Validator({**places, **schema}, registry=Registry()).iter_errors(value), None)
    except UnknownType as unknown:
        raise SchemaMismatch(f"must be {unknown.type}, not {_show(value)}") from None
    except (Unresolvable, RecursionError):
        raise SchemaMismatch("its schema has a reference that leads nowhere") from None
    if error is not None:
        raise SchemaMismatch(_message(error))


def _message(error: ValidationError) -> str:
    """What is wrong with a value, as the part of a sentence that follows the setting's name."""
    keyword, limit, value = str(error.validator), cast(Any, error.validator_value), cast(Any, error.instance)
    if keyword in {"anyOf", "oneOf"} and error.context:
        # The first error of each alternative is enough: a wrong constant is often of the wrong type as well.
        first = {part.relative_schema_path[0]: part for part in reversed(error.context)}
        return " or ".join(dict.fromkeys(_message(first[alternative]) for alternative in sorted(first)))
    if keyword in _SIZES:
        unit = "characters" if isinstance(value, str) else "items"
        return f"must have {_SIZES[keyword]} {limit} {unit}, not {len(value)}"
    match keyword:
        case "enum" | "const":
            choices = limit if keyword == "enum" else [limit]
            wanted = f"be one of {', '.join(_show(choice) for choice in choices)}"
        case "type":
            wanted = f"be {' or '.join(limit if isinstance(limit, list) else [limit])}"
        case "pattern":
            wanted = f"match {limit}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            wanted = f"be {bounds(cast(Schema, error.schema))}"
        case _:
            return f"is wrong: {error.message}"
    return f"must {wanted}, not {_show(value)}"


def bounds(schema: Schema) -> str:
    """The numeric bounds of a setting in words, "" when it has none."""
    return " and ".join(f"{words} {schema[name]}" for name, words in _BOUNDS.items() if name in schema)


def allowed(schema: Schema, root: Schema) -> str:
    """What a setting may be, in words."""
    kinds = []
    for part in _branches(schema, root):
        if "enum" in part or "const" in part:
            choices = part["enum"] if "enum" in part else [part["const"]]
            kinds.append("one of " + ", ".join(_show(choice) for choice in choices))
        elif "type" in part:
            kind = " or ".join(part["type"]) if isinstance(part["type"], list) else str(part["type"])
            kinds.append(f"{kind} {bounds(part)}".strip())
    return " or ".join(dict.fromkeys(kinds)) or "anything that the harness accepts"


def _show(value: Any) -> str:
    """A value as YAML and JSON write it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)
