"""One setting of a YAML file takes another value; every comment and every other byte that can stay, stays.

A file with anchors, aliases, tags or a second document is refused, because there a change of one value can change
others.
"""

import copy
import io
import json
import math
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.util import load_yaml_guess_indent

from halo_opt.core.records import Value

# What ruamel raises for text that is no YAML, for numbers and dates that Python cannot hold, and for deep nesting.
_UNREADABLE = (YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
# Words that one YAML version or another reads as something that is not text.
_NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"}


class SettingsError(ValueError):
    """The file or the key cannot be used; `str()` is the part of a sentence that says why."""


def load(content: bytes) -> dict[str, Any]:
    """The settings of a YAML file as plain data; raises SettingsError for anything but one plain mapping."""
    return copy.deepcopy(_loaded(content))


# One edit after another is tried on the same few files, and to read one takes ruamel milliseconds.
@lru_cache(maxsize=128)
def _loaded(content: bytes) -> dict[str, Any]:
    text = _text(content)
    check_plain(text)
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except _UNREADABLE as error:
        raise SettingsError(f"is not valid YAML: {_one_line(error)}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError("does not hold a mapping of settings at its top")
    return data


def check_plain(text: str) -> None:
    """Raise SettingsError when YAML text uses anchors, aliases, tags or several documents, or does not parse."""
    documents = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            documents += isinstance(event, DocumentStartEvent)
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                raise SettingsError("uses YAML anchors, which are not allowed")
            if getattr(event, "tag", None):
                raise SettingsError("uses YAML tags, which are not allowed")
    except SettingsError:
        raise
    except _UNREADABLE as error:
        raise SettingsError(f"is not valid YAML: {_one_line(error)}") from error
    if documents > 1:
        raise SettingsError("holds more than one YAML document")


def get(data: Any, key: str) -> tuple[bool, Any]:
    """(is it there, its value) for a dotted key of plain data; a number picks a list's item."""
    for part in key.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and is_place(part) and int(part) < len(data):
            data = data[int(part)]
        else:
            return False, None
    return True, data


def is_place(part: str) -> bool:
    """Whether a part of a dotted key is the number of an item of a list."""
    return part.isascii() and part.isdigit() and len(part) < 10


def set_value(content: bytes, key: str, value: Value) -> bytes:
    """The file with the setting at dotted `key` holding `value`; raises SettingsError when it cannot be done.

    A value that is there is exchanged in place. A key that is not there yet is added to its group. Either way the
    result is read again, and anything but exactly this one change is refused.
    """
    before = load(content)
    text = _text(content)
    try:
        changed = _spliced(text, key.split("."), value)
        if changed is None:
            changed = _round_trip(text, key, value)
        result = changed.encode("utf-8")
    except SettingsError:
        raise
    except _UNREADABLE as error:
        raise SettingsError(f"cannot take {key}: {_one_line(error)}") from error
    if load(result) != _with(before, key.split("."), value):
        raise SettingsError(f"cannot take {key} without other settings changing too")
    return result


def scalar(value: Value) -> str:
    """A value as YAML text that every YAML version reads as the same value."""
    if isinstance(value, str):
        plain = value.replace("_", "a").replace("-", "a")
        if value and plain.isalpha() and plain.isascii() and value[0] != "-" and value.lower() not in _NOT_PLAIN:
            return value
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SettingsError("takes finite numbers only")
        text = repr(value)
        # "1e-05" is text to YAML 1.1 and a number to 1.2; with a point it is a number to both.
        return text if "." in text else text.replace("e", ".0e")
    if isinstance(value, list):
        return "[" + ", ".join(scalar(v) for v in value) + "]"
    return json.dumps(value)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError("is not UTF-8 text") from error


def _spliced(text: str, parts: list[str], value: Value) -> str | None:
    """The text with one node's characters exchanged; None when the node is absent or spans block lines."""
    node = _node(YAML(pure=True).compose(text), parts)
    if isinstance(node, ScalarNode):
        # An empty value has no characters of its own, and a block scalar owns whole lines.
        in_place = node.start_mark.index < node.end_mark.index and node.style not in ("|", ">")
    else:
        in_place = isinstance(node, SequenceNode) and bool(node.flow_style)
    if node is None or not in_place:
        return None
    return text[: node.start_mark.index] + scalar(value) + text[node.end_mark.index :]


def _node(node: Node | None, parts: list[str]) -> Node | None:
    for part in parts:
        if isinstance(node, MappingNode):
            node = next((v for k, v in node.value if isinstance(k, ScalarNode) and k.value == part), None)
        elif isinstance(node, SequenceNode) and is_place(part) and int(part) < len(node.value):
            node = node.value[int(part)]
        else:
            return None
    return node


def _round_trip(text: str, key: str, value: Value) -> str:
    """The text loaded, changed and written again by ruamel, which keeps comments, quotes and order."""
    _, indent, offset = load_yaml_guess_indent(text)
    yaml = YAML(pure=True)
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # never fold a line that the author did not fold
    yaml.indent(mapping=2, sequence=indent or 2, offset=offset or 0)
    data = yaml.load(text)
    if data is None:
        data = {}
    here = data
    *groups, last = key.split(".")
    for part in groups:
        if isinstance(here, list):
            raise SettingsError(f"has no item for {key}")
        if here.get(part) is None:
            here[part] = {}
        here = here[part]
        if not isinstance(here, dict | list):
            raise SettingsError(f"holds one value at {part}, not a group, so {key} cannot be set")
    if isinstance(here, list):
        if not is_place(last) or int(last) >= len(here):
            raise SettingsError(f"has no item for {key}")
        here[int(last)] = value
    else:
        here[last] = value
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _with(data: Any, parts: list[str], value: Value) -> Any:
    """A copy of plain data in which the value at the path is `value`, groups made on the way."""
    if not parts:
        return value
    head, *rest = parts
    if isinstance(data, list):
        return [_with(v, rest, value) if i == int(head) else v for i, v in enumerate(data)]
    data = data if isinstance(data, dict) else {}
    return {**data, head: _with(data.get(head), rest, value)}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
