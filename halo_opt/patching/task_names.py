"""Finds the ids of tasks in a text, however they are spelled.

How much a text must look like an id depends on how distinctive the id is. An id of several parts, or with digits among
letters, counts with any separators between its pieces (`fake.task-07`, `Task 07`). An id of words alone, such as
`click-tab`, counts where it is written as one word (`click-tab`, `clickTab`) or behind the word "task", but not as the
words "click tab", which any prompt may use. One ordinary word (`search`) or one number counts only behind the word
"task", a word also at the beginning of a quotation.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from halo_opt.patching.normalize import canonical, disguises

_PIECE = re.compile(r"[^\W\d_]+|\d+")
_SQUEEZED = re.compile(r"[^\W_]+")
_FRONT, _END = r"(?<![^\W_])", r"(?![^\W_])"
_ANY = r"[\W_]{0,12}"
# Nothing, one sign, or the end of one string and the beginning of the next.
_NO_SPACE = r"(?:[^\w\s]|_|[-_.]?[\"'`]\s{0,4}[+~]?\s{0,4}[\"'`][-_.]?)?"
_TASK = r"\btask(?:s|[\W_]{0,2}id)?[\W_]{0,3}"
# Between the letters of a word or number that is written in pieces.
_WITHIN = r"[\W_]{0,3}"
_LEAST_HALF, _LEAST_SPLIT = 2, 8


class TaskName:
    """A task id, or its last part, and the patterns over canonical text that find it.

    Args:
        task: The id.
        name: What of it is looked for: all of it or its last part.
    """

    def __init__(self, task: str, name: str) -> None:
        self.task = task
        self._name = canonical(name)
        pieces = _PIECE.findall(self._name)
        self.squeezed = "".join(_SQUEEZED.findall(self._name))
        self._plain = len(pieces) < 2
        has_digits = not self._plain and any(piece.isdigit() for piece in pieces)
        self._distinctive = has_digits or (len(pieces) > 2 and bool(re.search("[./:]", self._name)))
        self._between = _ANY if self._distinctive else _NO_SPACE
        self.pieces = pieces

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds the name in canonical text."""
        # A long distinctive name is also found with its letters apart: no other text has them in this order.
        apart = self._distinctive and len(self.squeezed) >= _LEAST_SPLIT
        words = [_WITHIN.join(map(re.escape, piece)) if apart else re.escape(piece) for piece in self.pieces]
        name = self._between.join(words) if self.pieces else re.escape(self._name)
        context = [_TASK] if self._name.isdigit() else [_TASK, "[\"'`]"]
        if self._plain:
            return re.compile(f"(?:{'|'.join(context)}){name}{_END}")
        if self._distinctive:
            # Letters may go on before and behind it, another digit would make another number of its number.
            front = r"(?<!\d)" if self.pieces[0].isdigit() else ""
            end = r"(?!\d)" if self.pieces[-1].isdigit() else _END
            return re.compile(front + name + end)
        spaced = _ANY.join(map(re.escape, self.pieces))
        return re.compile(f"{_FRONT}{name}{_END}|{_TASK}{spaced}{_END}")

    @cached_property
    def cuts(self) -> list[tuple[int, int]]:
        """Where the name can be cut within a word or number: (number of the piece, place in it).

        A name that is cut at a separator leaves ordinary words; one that is cut anywhere else leaves what no prompt
        says by itself.
        """
        if self._plain or len(self.squeezed) < _LEAST_SPLIT:
            return []
        cuts = []
        done = 0
        for number, piece in enumerate(self.pieces):
            first = max(1, _LEAST_HALF - done)
            last = min(len(piece) - 1, len(self.squeezed) - done - _LEAST_HALF)
            cuts += [(number, at) for at in range(first, last + 1)]
            done += len(piece)
        return cuts

    def halves(self, number: int, at: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """What finds the two parts of the name, each as a word of its own."""
        piece = self.pieces[number]
        parts = [*self.pieces[:number], piece[:at]], [piece[at:], *self.pieces[number + 1 :]]
        first, second = (_FRONT + _NO_SPACE.join(map(re.escape, part)) + _END for part in parts)
        return re.compile(first), re.compile(second)


def names_of(tasks: Iterable[str]) -> tuple[TaskName, ...]:
    """What to look for: every id, and the last part of an id where that part is distinctive."""
    found = []
    for task in sorted(tasks):
        found.append(TaskName(task, task))
        last = re.split(r"[./:]", task)[-1]
        if last != task and re.search(r"[\d_-]", last) and re.search(r"[^\W\d_]", last) and len(last) > 3:
            found.append(TaskName(task, last))
    return tuple(found)


class Spellings:
    """A text in every form in which names are looked for."""

    def __init__(self, text: str) -> None:
        self._forms = list(dict.fromkeys(canonical(form) for form in disguises(text)))
        self._squeezed = ["".join(_SQUEEZED.findall(form)) for form in self._forms]
        self._pieces = frozenset(_PIECE.findall(self._forms[0]))

    def holds(self, name: TaskName) -> bool:
        """Whether the name stands in the text in some form."""
        return any(
            name.squeezed in squeezed and name.pattern.search(form)
            for form, squeezed in zip(self._forms, self._squeezed, strict=True)
        )

    def holds_halves(self, name: TaskName) -> bool:
        """Whether the two parts of a cut name stand in the text, in any order."""
        for number, at in name.cuts:
            piece = name.pieces[number]
            if piece[:at] in self._pieces and piece[at:] in self._pieces:
                first, second = name.halves(number, at)
                if first.search(self._forms[0]) and second.search(self._forms[0]):
                    return True
        return False
