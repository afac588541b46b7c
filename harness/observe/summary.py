"""Fits a page into a token budget by relevance to the goal. Rows are kept or left out whole, and gaps are marked."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from harness.observe.observation import Element

# A rough rule for English in every common tokenizer; a budget needs no better.
CHARS_A_TOKEN = 4
FIRST_ROWS = 3
MANY = 5
COMMON = frozenset({
    "the", "and", "for", "with", "from", "that", "this", "then", "into", "your", "click", "select", "button", "page",
})  # fmt: skip


class Line(NamedTuple):
    """One line of a page and its element; for table cells that share a line, the last of them."""

    text: str
    element: Element


def _content_words(text: str) -> set[str]:
    return {w for w in re.findall(r"[a-z0-9@]+", text.lower()) if len(w) > 2 and w not in COMMON}


def _rank(line: Line, words: set[str], goal: set[str]) -> int:
    """A line's rank; 0 is kept first. Rows in the middle of a list rank last, unless the goal names them."""
    e = line.element
    if e.within:
        return 0
    named = bool(goal & words)
    middle = bool(e.rows) and FIRST_ROWS < e.row < e.of
    if e.is_control:
        if named:
            return 1
        return 4 if middle else 2
    if named or e.role == "heading":
        return 2
    return 5 if middle else 3


def _ranks(lines: Sequence[Line], goal: str) -> list[int]:
    """The rank of each line. The lines of one row share the best rank, so that a row is kept or left out whole.

    A word of the goal that occurs in many lines (`Open`) is ignored.
    """
    line_words = [_content_words(f"{line.text} {line.element.context}") for line in lines]
    counts = Counter(word for words in line_words for word in words)
    wanted = {w for w in _content_words(goal) if counts[w] <= max(MANY, len(lines) // 10)}
    alone = [_rank(line, words, wanted) for line, words in zip(lines, line_words, strict=True)]
    best: dict[tuple[int, int], int] = {}
    for line, rank in zip(lines, alone, strict=True):
        row = (line.element.rows, line.element.row)
        best[row] = min(best.get(row, rank), rank)
    return [
        best[line.element.rows, line.element.row] if line.element.rows else rank
        for line, rank in zip(lines, alone, strict=True)
    ]


def summary(lines: Sequence[Line], goal: str, max_tokens: int) -> str:
    """The most relevant lines within the budget, in their order, with a mark where lines are left out."""
    budget = max_tokens * CHARS_A_TOKEN
    ranks = _ranks(lines, goal)
    order = sorted(range(len(lines)), key=lambda n: (ranks[n], n))
    size, count = 0, 0
    for number in order:
        size += len(lines[number].text) + 1
        if size > budget:
            break
        count += 1
    text = _with_gaps(lines, set(order[:count]))
    while len(text) > budget and count:  # the gap marks take room too
        count -= max(1, count // 20)
        text = _with_gaps(lines, set(order[:count]))
    return text


def _with_gaps(lines: Sequence[Line], kept: set[int]) -> str:
    out: list[str] = []
    gap: list[Line] = []
    for number, line in enumerate(lines):
        if number not in kept:
            gap.append(line)
            continue
        if gap:
            out.append(_gap_words(gap))
            gap = []
        out.append(line.text)
    if gap:
        out.append(_gap_words(gap))
    return "\n".join(out) if out else "(nothing)"


def _gap_words(gap: Sequence[Line]) -> str:
    rows = len({(line.element.rows, line.element.row) for line in gap if line.element.rows})
    loose = sum(not line.element.rows for line in gap)
    counts = ((rows, "row"), (loose, "line"))
    parts = [f"{count} more {noun}{'s' if count > 1 else ''}" for count, noun in counts if count]
    return f"... {' and '.join(parts)} not shown"
