"""The answer of a query: a frozen record that renders itself as tables and text within a byte budget.

A text that was cut ends with how much is shown, how much there was, and what to ask instead. It may come from traces,
so whoever prints it must make it safe for the terminal.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from halo_opt.core.records import Record

MAX_BYTES = 200_000
LONGEST_CELL = 400


class Section(NamedTuple):
    """One table of an answer; `title` is empty where the answer has only one."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Rendered(NamedTuple):
    """An answer as text: `size` is what the whole answer has in bytes; what `text` holds may be less."""

    text: str
    size: int
    cut: bool


class Answer(Record, ABC):
    """Base of all answers. A subclass gives its `sections`, and its `remarks` on what is unknown or not shown."""

    @abstractmethod
    def sections(self) -> list[Section]:
        """The tables of the answer, the one that CSV holds first."""

    def remarks(self) -> list[str]:
        """What the numbers leave out or do not know, each as a sentence."""
        return []

    def narrower(self) -> str:
        """The narrower query to make when the answer is too big."""
        return "ask with a lower limit or a filter"

    def lines(self, clip: int | None = None) -> Iterator[str]:
        """The answer without its remarks, line by line; at most `clip` characters of each value."""
        for number, section in enumerate(self.sections()):
            if number:
                yield ""
            if section.title:
                yield section.title
            yield from aligned(section, clip or LONGEST_CELL)

    def render(self, max_bytes: int | None = MAX_BYTES, *, remarks: bool = True) -> Rendered:
        """The answer as text of at most `max_bytes` bytes of UTF-8 (None for no limit)."""
        text = self._text(None, remarks=remarks)
        size = _size(text)
        if max_bytes is None or size <= max_bytes:
            return Rendered(text, size, False)
        return self._smaller(text, size, max_bytes, remarks)

    def _smaller(self, text: str, size: int, max_bytes: int, remarks: bool) -> Rendered:  # noqa: ARG002
        """The part of an answer that is shown where all of it is too big: here its beginning."""
        return Rendered(cut(text, size, max_bytes, self.narrower()), size, True)

    def _text(self, clip: int | None, *, remarks: bool) -> str:
        notes = [f"note: {remark}" for remark in self.remarks()] if remarks else []
        return "\n".join([*self.lines(clip), *([""] if notes else []), *notes]) + "\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def cut(text: str, size: int, max_bytes: int, instead: str) -> str:
    """The whole lines of a text that fit into a number of bytes, and the sentence on what is missing."""
    note = "[cut: {shown} of {size} bytes are shown; {instead}]\n"
    room = max_bytes - len(note.format(shown=size, size=size, instead=instead).encode("utf-8", "replace"))
    kept = text.encode("utf-8", "replace")[: max(0, room)]
    kept = kept[: kept.rfind(b"\n") + 1]
    return kept.decode("utf-8", "replace") + note.format(shown=len(kept), size=size, instead=instead)


def cells_of(rows: Iterable[object], columns: Sequence[str]) -> list[list[Any]]:
    """The attributes that some columns are named after, a list for each row."""
    return [list(map(partial(getattr, row), columns)) for row in rows]


def aligned(section: Section, clip: int) -> Iterator[str]:
    """A header and the rows in columns of equal width, numbers to the right."""
    if not section.rows:
        yield "(none)"
        return
    columns: list[list[str]] = []
    for place, name in enumerate(section.columns):
        column = [row[place] for row in section.rows]
        numeric = all(isinstance(value, int | float | None) for value in column)
        columns.append(_padded([name, *(one_line(value, clip) for value in column)], right=numeric))
    for cells in zip(*columns, strict=True):
        yield "  ".join(cells).rstrip()


def _padded(cells: Sequence[str], *, right: bool) -> list[str]:
    """The cells of a column, all as wide as the widest."""
    width = max(map(len, cells))
    return [cell.rjust(width) if right else cell.ljust(width) for cell in cells]


def one_line(value: Any, clip: int) -> str:
    """A value on one line, at most `clip` characters of it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return clipped(", ".join(map(str, value)), clip)
    return clipped(" ".join(str(value).split()) if "\n" in str(value) else str(value), clip)


def clipped(text: str, clip: int | None) -> str:
    """The text, or its beginning and how many characters are missing."""
    if clip is None or len(text) <= clip:
        return text
    return f"{text[:clip]}... (+{len(text) - clip} characters)"
