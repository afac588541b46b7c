"""Holds a text's words of direction ("fails more often") and quantity ("all fail") against measured counts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from halo_opt.analysis.claims.placeholders import APART
from halo_opt.mining.measure import Measured

_SENTENCE = re.compile(r"[^.!?;\n]+")
_COMPARED = re.compile(
    r"\b(?P<more>more|higher)\b|\b(?P<less>less|fewer|lower|rarer|seldom(?:er)?|more (?:rarely|seldom))\b",
    re.IGNORECASE,
)
_OF_RATE = re.compile(
    r"\b(?:more|less|higher|lower)\s+(?:often|frequent(?:ly)?|likely|common(?:ly)?|rarely|seldom)\b"
    r"|\b(?:fail|succeed|pass)(?:s|es|ed|ing)?\s+(?:more|less)\b(?!\s+\w+s\b)"
    r"|\b(?:higher|lower)\s+(?:failure|success)\s+rate\b|\brarer\b|\bfewer (?:failures|successes)\b"
    r"|\bmore (?:failures|successes)\b",
    re.IGNORECASE,
)
_FAILS = re.compile(r"\bfail\w*", re.IGNORECASE)
_SUCCEEDS = re.compile(r"\b(?:succe\w+|pass(?:es|ed|ing)?|solved?)\b", re.IGNORECASE)
_WITHOUT = re.compile(r"\b(?:without|that do not|that don't|which do not|who do not|other attempts)\b", re.IGNORECASE)
_THOSE = r"(?:\s+(?:of|the|these|those|such|them))*(?:\s+\S*\d\S*)?(?:\s+(?:attempts?|traces?))?"
_ALL_FAIL = re.compile(
    rf"\b(?:all|every|each){_THOSE}(?:\s+(?:that|which|with)\b[^.;,]{{0,60}}?)?,?\s+(?:have\s+)?fail(?:s|ed)?\b"
    r"|\balways\s+fails?\b|\bnever\s+succeeds?\b"
    r"|\b(?:none|no attempt)(?:\s+of\s+\w+)?\s+(?:succeeds?|succeeded|passes)\b"
    r"|\bno\s+success(?:es)?\s+(?:shows?|has|have|does|do)\b",
    re.IGNORECASE,
)
_ALL_FAILURES = re.compile(
    r"\b(?:all|every|each)(?:\s+of)?(?:\s+the)?(?:\s+\S*\d\S*)?\s+failures?\b(?!\s+(?:of|in|with|that|which|here|from|at))",
    re.IGNORECASE,
)
_MOST_FAILURES = re.compile(
    r"\b(?:most|a majority)(?:\s+of)?(?:\s+the)?\s+failures?\b(?!\s+(?:of|in|with|that|which|here|from|at))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """How many failures and successes show a behaviour, and the difference of the failure rates with and without it."""

    failures_with: int
    failures: int
    successes_with: int
    successes: int
    difference: float | None = None

    @property
    def effect(self) -> float | None:
        """The measured difference; where there is none, that between the shares of failures and successes."""
        if self.difference is not None:
            return self.difference
        if not self.failures or not self.successes:
            return None
        return self.failures_with / self.failures - self.successes_with / self.successes


def shown_by(m: Measured) -> Shown:
    """The counts of a measured behaviour."""
    difference = m.contrast.difference if m.contrast else None
    return Shown(m.failures_with, m.failures, m.successes_with, m.successes, difference)


def contradictions(text: str, shown: Shown) -> Iterator[str]:
    """What the words of a text say against the measured counts, as a correction each."""
    plain = APART.sub(" … ", text)
    for match in _SENTENCE.finditer(plain):
        sign, effect = _direction(match[0]), shown.effect
        if sign and effect is not None and sign * effect < 0:
            measured = "more" if effect > 0 else "less"
            yield f"its words say the contrary of what was measured: attempts that show it fail {measured} often"
    if _ALL_FAIL.search(plain) and shown.successes_with:
        yield f"it says that all of them fail, and {shown.successes_with} that show it succeed"
    if _ALL_FAILURES.search(plain) and shown.failures_with < shown.failures:
        yield f"it says all failures, and {shown.failures_with} of {shown.failures} failures show it"
    if _MOST_FAILURES.search(plain) and 2 * shown.failures_with <= shown.failures:
        yield f"it says most failures, and {shown.failures_with} of {shown.failures} failures show it"


def _direction(sentence: str) -> int:
    """+1 where a sentence says that attempts which show it fail more often, -1 for less often, 0 for neither."""
    rate = _OF_RATE.search(sentence)
    if rate is None:
        return 0
    words = [match for pattern in (_FAILS, _SUCCEEDS) for match in pattern.finditer(sentence)]
    before_than = sentence.split(" than ", maxsplit=1)[0]
    inside = [word for word in words if word.start() < len(before_than)] or words
    if not inside:
        return 0
    first = min(inside, key=lambda word: word.start())
    compared = _COMPARED.search(rate[0])
    rarely = re.search(r"rarely|seldom", rate[0], re.IGNORECASE)
    sign = -1 if rarely or (compared and compared["less"]) or rate[0].lower() == "rarer" else 1
    sign = -sign if _SUCCEEDS.match(first[0]) else sign
    return -sign if _WITHOUT.search(before_than) else sign
