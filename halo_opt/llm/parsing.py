"""From the text of a reply to an object of a schema."""

import json
import re
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

S = TypeVar("S", bound=BaseModel)


def parse_reply(text: str, schema: type[S]) -> S:
    """The reply as an object of the schema: the text as it is, else the outermost JSON object in it.

    Servers that do not enforce schemas wrap the object in a Markdown fence or in prose. When several objects stand in
    the text, the first that fits counts. Raises pydantic's ValidationError: that of the first object when there is
    one, else that of the text.
    """
    try:
        return schema.model_validate_json(text)
    except ValidationError as whole:
        first: ValidationError | None = None
        for found in json_objects(text):
            try:
                return schema.model_validate_json(found)
            except ValidationError as error:
                first = first or error
        raise first or whole from None


def json_objects(text: str) -> Iterator[str]:
    """Every JSON object in the text that lies within no other braces, in order, with or without text around it."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            _, end = decoder.raw_decode(text, at)
            yield text[at:end]
        except (ValueError, RecursionError):
            end = _closed(text, at)
        at = text.find("{", end)


def _closed(text: str, at: int) -> int:
    """The position after the brace that closes the one at `at`; the end of the text if there is none.

    An object within one that was broken off is not what was meant.
    """
    depth = 0
    for brace in re.finditer("[{}]", text[at:]):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return at + brace.end()
    return len(text)
