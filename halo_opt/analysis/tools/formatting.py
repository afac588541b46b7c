"""Formatting a tool's answer: a summary, data between marks and a note, within a limit of bytes.

Each cut is marked in the text.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.prompts import fence
from halo_opt.core.text import visible

# Characters of one text: longer ones are not needed at once, shorter ones say nothing.
_MAX_CLIP, _MIN_CLIP = 16_000, 80
# Bytes of the marks around the data, and of the line that says what was cut.
_FRAME = 64
_MIN_BYTES = 200
T = TypeVar("T")


def format_answer(
    context: ToolContext, summary: str, data: str, note: str = "", *, remedy: str = "ask for less"
) -> str:
    """Format an answer of at most `context.answer_bytes` bytes.

    Args:
        context: the context of the tool.
        summary: our own words, before the data.
        data: text of traces or files. Of data that is too long the beginning is shown, if possible in whole lines.
        note: our own words, after the data.
        remedy: what to do to see the rest, where data was cut.
    """
    summary = shorten_end(summary, context.answer_bytes // 3)
    note = shorten_end(note, context.answer_bytes // 4)
    data = visible(data).rstrip("\n")
    text = _lines(summary, fence(data) if data else "", note)
    if byte_count(text) <= context.answer_bytes:
        return text
    cut = f"[{{}} of {byte_count(data)} bytes are shown; {remedy}]"
    room = context.answer_bytes - byte_count(_lines(summary, "", note)) - byte_count(cut) - _FRAME
    shown = beginning(data, max(0, room))
    return _lines(summary, fence(shown) if shown else "", cut.format(byte_count(shown)), note)


def bytes_left(context: ToolContext, *words: str) -> int:
    """The bytes that an answer has left for data beside our own words."""
    return max(_MIN_BYTES, context.answer_bytes - byte_count(_lines(*words)) - 2 * _FRAME)


def rows_text(columns: Sequence[str], rows: Sequence[Sequence[Any]], max_bytes: int) -> tuple[str, str]:
    """A table as lines with tabs between the cells.

    Long cells lose their middle before any row is left out.

    Returns:
        The header and rows in at most `max_bytes` bytes, and what of them is missing ('' for nothing).
    """
    header = "\t".join(cell_text(name, _MIN_CLIP) for name in columns)

    def line(row: Sequence[Any], clip: int) -> str:
        return "\t".join(cell_text(value, clip) for value in row)

    lines, clip = fit_texts(rows, line, max_bytes - byte_count(header) - 1)
    missing = [f"{len(lines)} of {len(rows)} rows are shown"] if len(lines) < len(rows) else []
    if any(len(_plain(value)) > clip for row in rows[: len(lines)] for value in row):
        missing.append(f"cells are shown up to {clip} characters")
    return "\n".join([header, *lines]), ", ".join(missing)


def fit_texts(things: Sequence[T], text: Callable[[T, int], str], max_bytes: int) -> tuple[list[str], int]:
    """Format things with the largest clip (characters of one text) with which all of them fit.

    Args:
        things: what to format.
        text: formats one thing with a clip.
        max_bytes: what all texts together may take, a newline each included.

    Returns:
        The texts and the clip. Where not all fit even with the smallest clip: as many as fit, at least one.
    """

    def formatted(clip: int) -> list[str]:
        return [text(thing, clip) for thing in things]

    def needed(clip: int) -> int:
        return sum(byte_count(one) + 1 for one in formatted(clip))

    if needed(_MAX_CLIP) <= max_bytes:
        return formatted(_MAX_CLIP), _MAX_CLIP
    low, high = _MIN_CLIP, _MAX_CLIP
    if needed(low) <= max_bytes:
        while high - low > max(20, low // 10):
            middle = (low + high) // 2
            low, high = (middle, high) if needed(middle) <= max_bytes else (low, middle)
        return formatted(low), low
    kept: list[str] = []
    for one in formatted(low):
        max_bytes -= byte_count(one) + 1
        if max_bytes < 0 and kept:
            break
        kept.append(one)
    return kept, low


def cell_text(value: Any, max_chars: int) -> str:
    """A value on one line; NULL for what is missing, which is not an empty text."""
    return shorten_middle(_plain(value), max_chars)


def _plain(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}"
        case str():
            return visible(value).replace("\n", "\\n").replace("\t", "\\t")
        case list() | tuple() | dict():
            return visible(json.dumps(value, ensure_ascii=False, default=str))
    return visible(str(value))


def shorten_middle(text: str, max_chars: int) -> str:
    """The text, or its beginning and end with the number of characters that are missing between them."""
    if len(text) <= max_chars:
        return text
    half = max(1, (max_chars - 24) // 2)
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def byte_count(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def shorten_end(text: str, max_bytes: int) -> str:
    """The text, or its beginning with an ellipsis."""
    if byte_count(text) <= max_bytes:
        return text
    return text.encode("utf-8", "replace")[: max(0, max_bytes - 4)].decode("utf-8", "ignore") + " ..."


def beginning(text: str, max_bytes: int) -> str:
    """The beginning of a text, if possible in whole lines."""
    if byte_count(text) <= max_bytes:
        return text
    kept = text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
    line = kept.rfind("\n")
    # A single long line is cut where there is no more room.
    return kept[:line] if line > len(kept) // 2 else kept


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
