"""A tool's answer as text: our words, data between marks, all within so many bytes. Never cuts without saying so."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.prompts import fence
from halo_opt.core.text import visible

# Characters of one text: more than the most are never needed at once, fewer than the least say nothing.
_MOST_CLIP, _LEAST_CLIP = 16_000, 80
# The marks around the data, and the line that says what was cut.
_FRAME = 64
_LEAST = 200
T = TypeVar("T")


def answer(context: ToolContext, said: str, data: str, note: str = "", *, instead: str = "ask for less") -> str:
    """Our words, the data between marks, and a note, in at most `context.answer_bytes` bytes.

    Of data that is too long the beginning is shown, in whole lines where these are short, and how much is missing.
    """
    said, note = head(said, context.answer_bytes // 3), head(note, context.answer_bytes // 4)
    data = visible(data).rstrip("\n")
    text = _joined(said, fence(data) if data else "", note)
    if size(text) <= context.answer_bytes:
        return text
    cut = f"[{{}} of {size(data)} bytes are shown; {instead}]"
    room = context.answer_bytes - size(_joined(said, "", note)) - size(cut) - _FRAME
    shown = _beginning(data, max(0, room))
    return _joined(said, fence(shown) if shown else "", cut.format(size(shown)), note)


def room(context: ToolContext, *words: str) -> int:
    """The bytes that are left for data beside our words."""
    return max(_LEAST, context.answer_bytes - size(_joined(*words)) - 2 * _FRAME)


def rows_text(columns: Sequence[str], rows: Sequence[Sequence[Any]], most: int) -> tuple[str, str]:
    """A header and the rows, a line each with tabs between, in at most `most` bytes; and what is missing of them.

    Long cells lose their middle before any row is left out.
    """
    header = "\t".join(cell(name, _LEAST_CLIP) for name in columns)

    def line(row: Sequence[Any], clip: int) -> str:
        return "\t".join(cell(value, clip) for value in row)

    lines, clip = fitted(rows, line, most - size(header) - 1)
    clipped = any(len(_plain(value)) > clip for row in rows[: len(lines)] for value in row)
    said = [f"{len(lines)} of {len(rows)} rows are shown"] if len(lines) < len(rows) else []
    said += [f"cells are shown up to {clip} characters"] if clipped else []
    return "\n".join([header, *lines]), ", ".join(said)


def fitted(things: Sequence[T], text: Callable[[T, int], str], most: int) -> tuple[list[str], int]:
    """The text of each thing, all made with the largest clip with which they fit into `most` bytes; and that clip.

    Where even the least is too much, as many as fit, and one at least.
    """

    def made(clip: int) -> list[str]:
        return [text(thing, clip) for thing in things]

    def needed(clip: int) -> int:
        return sum(size(one) + 1 for one in made(clip))

    if needed(_MOST_CLIP) <= most:
        return made(_MOST_CLIP), _MOST_CLIP
    low, high = _LEAST_CLIP, _MOST_CLIP
    if needed(low) <= most:
        while high - low > max(20, low // 10):
            half = (low + high) // 2
            low, high = (half, high) if needed(half) <= most else (low, half)
        return made(low), low
    kept: list[str] = []
    for one in made(low):
        most -= size(one) + 1
        if most < 0 and kept:
            break
        kept.append(one)
    return kept, low


def cell(value: Any, longest: int) -> str:
    """A value on one line; NULL for what is missing, which is not an empty text."""
    return middle(_plain(value), longest)


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


def middle(text: str, longest: int) -> str:
    """The text, or its beginning and end and how many characters are missing between them."""
    if len(text) <= longest:
        return text
    half = max(1, (longest - 24) // 2)
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def size(text: str) -> int:
    """Its bytes in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def head(text: str, most: int) -> str:
    """The beginning of our own words, which are short unless somebody made them long."""
    if size(text) <= most:
        return text
    return text.encode("utf-8", "replace")[: max(0, most - 4)].decode("utf-8", "ignore") + " ..."


def _beginning(text: str, most: int) -> str:
    kept = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    line = kept.rfind("\n")
    # A single long line is cut where there is no more room.
    return kept[:line] if line > len(kept) // 2 else kept


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
