"""The texts of a span, decoded from its line. Accepts every line that the import accepts."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from .readable import readable


class Line(msgspec.Struct):
    """What a search reads of a line; whatever stands there, of whatever type."""

    trace_id: Any = None
    span_id: Any = None
    name: Any = None
    status: Any = None
    attributes: Any = None


_DECODER = msgspec.json.Decoder(Line)


def decoded(raw: bytes) -> Line | None:
    """A line as a span, or None when it is none."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    # What the import takes and msgspec does not: a byte order mark, NaN, half a surrogate pair, a huge number.
    try:
        value = json.loads(raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8"), parse_constant=lambda _: None)
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return Line(**{name: value.get(name) for name in Line.__struct_fields__})


def texts_of(name: Any, status: Any, attributes: Any) -> list[tuple[str, str]]:
    """(field, readable text) of every text of a span: its name, its status message, every text in its attributes."""
    return [(field, readable(text)) for field, text in _raw_texts(name, status, attributes)]


def _raw_texts(name: Any, status: Any, attributes: Any) -> list[tuple[str, str]]:
    texts = [("name", name)] if isinstance(name, str) else []
    message = status.get("message") if isinstance(status, dict) else None
    if isinstance(message, str):
        texts.append(("status.message", message))
    if isinstance(attributes, dict):
        for key, value in attributes.items():
            if isinstance(value, str):
                texts.append((key, value))
            elif isinstance(value, dict | list):
                texts.extend(_nested(key, value))
    return texts


def all_texts(line: Line) -> list[str]:
    """The same texts without their names and as they are, fast: most lines of a search are read for nothing."""
    texts = [text for _, text in _raw_texts(line.name, line.status, None)]
    if isinstance(line.attributes, dict):
        for value in line.attributes.values():
            if isinstance(value, str):
                texts.append(value)
            elif isinstance(value, dict | list):
                texts.extend(text for _, text in _nested("", value))
    return texts


def _nested(path: str, value: Any) -> Iterable[tuple[str, str]]:
    # In order, and without recursion: the depth is the producer's.
    stack = [(path, value)]
    while stack:
        at, top = stack.pop()
        if isinstance(top, str):
            yield at, top
        elif isinstance(top, dict):
            stack.extend((f"{at}.{key}", inner) for key, inner in reversed(top.items()))
        elif isinstance(top, list):
            stack.extend((f"{at}.{n}", top[n]) for n in reversed(range(len(top))))
