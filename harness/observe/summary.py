"""Fits a page into a token budget by what matters for the goal. Pure; never shows half a row, never hides a gap."""

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
    """One line of a page and the element that it says, the last one where cells of a table share it."""

    text: str
    element: Element


def _content_words(text: str) -> set[str]:
    return {w for w in re.findall(r"[a-z0-9@]+", text.lower()) if len(w) > 2 and w not in COMMON}


def _rank(line: Line, said: set[str], goal: set[str]) -> int:
    """0 is kept first. Rows in the middle of a list go first unless the goal speaks of them."""
    e = line.element
    if e.within:
        return 0
    named = bool(goal & said)
    middle = bool(e.rows) and FIRST_ROWS < e.row < e.of
    if e.is_control:
        return 1 if named else 4 if middle else 2
    return 2 if named or e.role == "heading" else 5 if middle else 3


def _ranks(lines: Sequence[Line], goal: str) -> list[int]:
    """The rank of each line; the lines of one row share the best of them, so that a row is kept or left out whole.

    A word of the goal that stands in many lines (`Open`) tells nothing of any of them.
    """
    said = [_content_words(f"{line.text} {line.element.context}") for line in lines]
    counts = Counter(word for words in said for word in words)
    wanted = {w for w in _content_words(goal) if counts[w] <= max(MANY, len(lines) // 10)}
    alone = [_rank(line, words, wanted) for line, words in zip(lines, said, strict=True)]
    best: dict[tuple[int, int], int] = {}
    for line, rank in zip(lines, alone, strict=True):
        row = (line.element.rows, line.element.row)
        best[row] = min(best.get(row, rank), rank)
    return [
        best[line.element.rows, line.element.row] if line.element.rows else rank
        for line, rank in zip(lines, alone, strict=True)
    ]


def summary(lines: Sequence[Line], goal: str, max_tokens: int) -> str:
    """The lines that matter most, in their order, within the budget; what is left out is said where it was."""
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
    while len(text) > budget and count:  # the words about gaps take room too
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
    parts = [f"{rows} more row{'s' if rows > 1 else ''}"] if rows else []
    parts += [f"{loose} more line{'s' if loose > 1 else ''}"] if loose else []
    return f"... {' and '.join(parts)} not shown"
