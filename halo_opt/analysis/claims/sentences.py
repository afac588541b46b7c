"""Checks an answer against its evidence sentence by sentence, while a model still writes it.

A figure that no checked number supports is struck; so are a citation that does not exist and words in quotation marks
that no evidence holds. Whether a sentence follows from its evidence is for the reader to judge: it is cited for that.
"""

import re
from collections.abc import Callable, Sequence

from halo_opt.analysis.claims.evidence import Evidence
from halo_opt.analysis.claims.figures import STRUCK, strike_unsupported
from halo_opt.core.records import Value

# A name in quotation marks is no quotation; so many words are meant to be someone's.
QUOTED_WORDS = 4
# A model that never ends a sentence is not waited for.
MAX_SENTENCE = 2_000
_END = re.compile(r"[.!?][\"')\]”]*(?=\s)|\n")
_CITED = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”")


class Sentences:
    """Takes a text in pieces and gives it on in checked sentences. Not thread-safe: one writer, one text."""

    def __init__(
        self, *, known: Sequence[Value] | Evidence, citations: int, quotable: Sequence[str], show: Callable[[str], None]
    ) -> None:
        """`known` are the checked numbers, citations run from 1, `quotable` are texts that may be quoted."""
        self._known = known
        self._citations = citations
        self._quotable = [_plain(text) for text in quotable]
        self._show = show
        self._waiting = ""
        self.text = ""
        self.corrections: list[str] = []
        self.cited: list[int] = []

    def feed(self, piece: str) -> None:
        """The next words of the text; shows each sentence that they complete."""
        self._waiting += piece
        while (end := _END.search(self._waiting)) is not None:
            self._pass(self._waiting[: end.end()])
            self._waiting = self._waiting[end.end() :]
        if len(self._waiting) > MAX_SENTENCE and (space := self._waiting.rfind(" ")) > 0:
            self._pass(self._waiting[:space])
            self._waiting = self._waiting[space:]

    def close(self) -> None:
        """The text is over: shows what was still waiting for its end."""
        rest, self._waiting = self._waiting, ""
        if rest:
            self._pass(rest)

    def _pass(self, sentence: str) -> None:
        checked = self._checked(sentence)
        self.text += checked
        self._show(checked)

    def _checked(self, sentence: str) -> str:
        """The sentence with quotations and citations that hold as they stand, and the figures between them checked."""
        done, at = "", 0
        marks = sorted([*_QUOTED.finditer(sentence), *_CITED.finditer(sentence)], key=lambda mark: mark.start())
        for mark in marks:
            if mark.start() < at:
                continue  # a citation inside a quotation
            done += strike_unsupported(sentence[at : mark.start()], self._known, self.corrections)
            done += self._citation(mark) if mark.re is _CITED else self._quotation(mark)
            at = mark.end()
        return done + strike_unsupported(sentence[at:], self._known, self.corrections)

    def _citation(self, mark: re.Match[str]) -> str:
        cited = [int(number) for number in re.split(r"\s*[,;]\s*", mark[1])]
        there = [number for number in cited if 1 <= number <= self._citations]
        self.corrections += [
            f"citation [{number}] was struck: there is no such evidence" for number in cited if number not in there
        ]
        self.cited += [number for number in there if number not in self.cited]
        return f"[{', '.join(map(str, there))}]" if there else STRUCK

    def _quotation(self, mark: re.Match[str]) -> str:
        words = _plain(mark[1] or mark[2])
        if any(words in text for text in self._quotable):
            return mark[0]
        if len(words.split()) < QUOTED_WORDS:
            return strike_unsupported(mark[0], self._known, self.corrections)
        self.corrections.append(f"a quotation was struck: {words[:80]!r} stands in no evidence")
        return STRUCK


def _plain(text: str) -> str:
    return " ".join(text.split())
