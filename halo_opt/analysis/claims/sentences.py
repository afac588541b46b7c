"""Checks an answer against its evidence sentence by sentence, while a model still writes it.

Removed are figures that no checked number supports, citations that do not exist, and quotations that are not in the
evidence. Whether a sentence follows from the evidence that it cites is left to the reader.
"""

import re
from collections.abc import Callable, Sequence

from halo_opt.analysis.claims.evidence import Evidence
from halo_opt.analysis.claims.figures import NOT_CONFIRMED, remove_unsupported
from halo_opt.core.records import Value

# Shorter texts in quotation marks are names, not quotations.
QUOTED_WORDS = 4
# A longer sentence is checked in parts, so that a text without full stops is shown too.
MAX_SENTENCE = 2_000
_END = re.compile(r"[.!?][\"')\]”]*(?=\s)|\n")
_CITED = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”")


class Sentences:
    """Collects a streamed text and shows it sentence by sentence, each one checked. Not thread-safe."""

    def __init__(
        self, *, known: Sequence[Value] | Evidence, citations: int, quotable: Sequence[str], show: Callable[[str], None]
    ) -> None:
        """Start an empty text.

        Args:
            known: The checked numbers, or all evidence, that figures may rest on.
            citations: The number of pieces of evidence; valid citations are 1 to this number.
            quotable: The texts that may be quoted.
            show: Called with each checked sentence.
        """
        self._known = known
        self._citations = citations
        self._quotable = [_plain(text) for text in quotable]
        self._show = show
        self._waiting = ""
        self.text = ""
        self.corrections: list[str] = []
        self.cited: list[int] = []

    def feed(self, piece: str) -> None:
        """Add the next piece of the text, and show each sentence that it completes."""
        self._waiting += piece
        while (end := _END.search(self._waiting)) is not None:
            self._pass(self._waiting[: end.end()])
            self._waiting = self._waiting[end.end() :]
        if len(self._waiting) > MAX_SENTENCE and (space := self._waiting.rfind(" ")) > 0:
            self._pass(self._waiting[:space])
            self._waiting = self._waiting[space:]

    def close(self) -> None:
        """End the text, and show the rest of it."""
        rest, self._waiting = self._waiting, ""
        if rest:
            self._pass(rest)

    def _pass(self, sentence: str) -> None:
        checked = self._checked(sentence)
        self.text += checked
        self._show(checked)

    def _checked(self, sentence: str) -> str:
        """The sentence with its quotations, its citations and the figures between them checked."""
        done, at = "", 0
        marks = sorted([*_QUOTED.finditer(sentence), *_CITED.finditer(sentence)], key=lambda mark: mark.start())
        for mark in marks:
            if mark.start() < at:
                continue  # a citation inside a quotation
            done += remove_unsupported(sentence[at : mark.start()], self._known, self.corrections)
            done += self._citation(mark) if mark.re is _CITED else self._quotation(mark)
            at = mark.end()
        return done + remove_unsupported(sentence[at:], self._known, self.corrections)

    def _citation(self, mark: re.Match[str]) -> str:
        cited = [int(number) for number in re.split(r"\s*[,;]\s*", mark[1])]
        there = [number for number in cited if 1 <= number <= self._citations]
        self.corrections += [
            f"citation [{number}] was removed: there is no such evidence" for number in cited if number not in there
        ]
        self.cited += [number for number in there if number not in self.cited]
        return f"[{', '.join(map(str, there))}]" if there else NOT_CONFIRMED

    def _quotation(self, mark: re.Match[str]) -> str:
        words = _plain(mark[1] or mark[2])
        if any(words in text for text in self._quotable):
            return mark[0]
        if len(words.split()) < QUOTED_WORDS:
            return remove_unsupported(mark[0], self._known, self.corrections)
        self.corrections.append(f"a quotation was removed: {words[:80]!r} is not in the evidence")
        return NOT_CONFIRMED


def _plain(text: str) -> str:
    return " ".join(text.split())
