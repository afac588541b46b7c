"""What a scan is given and what it returns, as values that travel between processes."""

from collections.abc import Sequence
from typing import NamedTuple

# Text before a match, the match, text after it.
Excerpt = tuple[str, str, str]


class Pattern(NamedTuple):
    """What is searched for, as `search_plan` has prepared it."""

    pattern: str
    ignore_case: bool
    needles: tuple[tuple[str, ...], ...] | None
    always: tuple[str, ...]
    literal: str | None
    joined: bool


class Task(NamedTuple):
    """A piece of a file: where its first line begins and its last ends, and for how many hits an excerpt is wanted."""

    path: str
    start: int
    end: int
    excerpts: int
    context: int


class Hit(NamedTuple):
    """A line that matches; the excerpt is (text before, match, text after) of the first match."""

    offset: int
    span_id: str
    matches: int
    field: str
    excerpt: Excerpt


class Found(NamedTuple):
    """What one task gave; `problem` says what is wrong with the file."""

    spans: int = 0
    matches: int = 0
    traces: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    problem: str | None = None


class Scanned(NamedTuple):
    """The bytes of a piece and where in them the lines begin and end that may match."""

    data: bytes = b""
    lines: Sequence[tuple[int, int]] = ()
    problem: str | None = None
