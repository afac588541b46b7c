"""Finds figures in prose, however they are written: digits of any script, words, fractions, ratios."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from halo_opt.core.text import printable

Unit = Literal["", "percent", "points", "times"]

_SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = (
    {word: value for value, word in enumerate(_SMALL)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {"fourty": 40, "dozen": 12, "dozens": 12, "score": 20}
)
_SCALES = {"hundred": 100, "hundreds": 100, "thousand": 1_000, "thousands": 1_000, "million": 1e6, "billion": 1e9}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARTS |= {"eighth": 8, "ninth": 9, "tenth": 10, "twentieth": 20, "hundredth": 100}
_MULTIPLES = {"twice": 2, "thrice": 3, "double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_SUFFIXES = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9}

_COUNT = "|".join(sorted([*_WORDS, *_SCALES], key=len, reverse=True)).replace("|score|", "|")
_PART = "|".join(_PARTS)
_SPELLED = rf"(?:{_COUNT})(?:(?:[\s-]+|\s+and\s+)(?:{_COUNT})\b)*"
_PERCENT = r"\s?%|[\s-]?(?:percent(?!age)|per[\s-]?cent|pct|pc)\b"
_POINTS = r"[\s-]?(?:percentage[\s-])?points?\b|\s?pp\b|\s?p\.p\."
_TIMES = r"\s?[x\u00d7](?!\w)|-?fold\b|\stimes\s(?=as\b|the\b|more\b)"
_UNITS = rf"(?P<percent>{_PERCENT})|(?P<points>{_POINTS})|(?P<times>{_TIMES})"
_FIGURE = re.compile(
    rf"""
    (?<![\w])(?P<multiple>twice|thrice|(?:double|triple|treble|quadruple)[sd]?(?=\s+(?:the|that|as|what|its|their)\b))\b
    | (?<![\w-])(?P<how_many>an?|{_SPELLED}|\d+)[\s-]+(?P<part>(?:{_PART})s\b|(?:{_PART})(?=\s+of\b|\s+the\b))
    | (?<![\w-])(?P<half>half)\b(?!-|\s+(?:an?\s+)?(?:hour|minute))
    | (?<![\w-])(?P<spelled>{_SPELLED})(?:\b|(?=fold))(?:{_UNITS})?
    | (?<!\w)(?<!\d[.,])(?P<digits>[-+]?\d+(?:[,_']\d{{3}})*(?:\.\d+)?(?:e[-+]?\d+)?)
      (?:(?P<suffix>k|m|mn|bn|st|nd|rd|th)\b|{_UNITS.replace("(?P<", "(?P<d_")})?(?!\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "one" mostly stands for a thing; it counts where something is measured out by it.
_ONE_COUNTS = re.compile(r"\s+(?:in|out\s+of)\s+(?:every\s+|each\s+)?\w|\s+of\s+every\b|[\s-]+per\s", re.IGNORECASE)
# So do words up to ten ("asks two questions") unless they count attempts, or parts of something.
_FEW = frozenset(_SMALL[2:11])
_FEW_COUNT = re.compile(
    rf"\s*(?:[.,;:!?)]|$)|\s+(?:of|out)\b|\s+in\s+(?:every|each|all|\d|(?:{_COUNT})\b)"
    r"|\s+(?:\w+\s+){0,2}(?:fail\w*|unsuccessful|succe\w+|solved|pass(?:es|ed)|attempts?|runs?|traces?|trials?|tasks?"
    r"|episodes?|rollouts?|conversations?|cases?|times)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its place in the plain text; the value of a percentage is as written (30% is 30).

    `rough` says that it is a share in words (half, a third), which people round.
    """

    start: int
    end: int
    value: float
    digits: int
    unit: Unit
    rough: bool = False


def plain(words: str) -> str:
    """The text with hidden characters gone and every number character a digit: what people see, as a machine reads it.

    Numerals of scripts that write numbers with letters become a question mark in brackets: nobody checks them.
    """
    readable = "".join(_plain(character) for character in printable(words).replace("\u2212", "-"))
    return unicodedata.normalize("NFKC", readable)


def _plain(character: str) -> str:
    value = unicodedata.numeric(character, None)
    if value is None or character.isascii():
        return character
    if unicodedata.category(character) == "Lo":
        return "[?]"
    return f"{value:g}"


def figures(text: str) -> Iterator[Figure]:
    """The figures of a text that `plain` gave, from left to right. Names such as gpt-4o are none."""
    for match in _FIGURE.finditer(text):
        found = _read(match, text)
        if found is not None:
            yield found


def _read(match: re.Match[str], text: str) -> Figure | None:
    start, end = match.span()
    if match["multiple"]:
        word = re.sub(r"[sd]$", "", match["multiple"].lower())
        return Figure(start, end, _MULTIPLES[word], 0, "times")
    if match["half"]:
        return Figure(start, end, 0.5, 1, "", rough=True)
    if match["part"]:
        part = match["part"].lower()
        share = _count_of_parts(match["how_many"].lower()) / (_PARTS.get(part) or _PARTS[part.removesuffix("s")])
        return Figure(start, end, share, 2, "", rough=True)
    if match["spelled"]:
        unit = _unit(match, "")
        if not unit and not _counts(match["spelled"].lower(), text, match.end("spelled")):
            return None
        return Figure(start, end, spelled(match["spelled"]), 0, unit)
    digits = re.sub(r"[,_']", "", match["digits"])
    scale = _SUFFIXES.get((match["suffix"] or "").lower(), 1.0)
    after = digits.lower().partition("e")[0].partition(".")[2]
    return Figure(start, end, float(digits) * scale, len(after), _unit(match, "d_"))


def _count_of_parts(words: str) -> float:
    """How many parts a share in words has: 1 for `a` (third), 2 for `two` (thirds)."""
    if words in {"a", "an"}:
        return 1.0
    return float(words) if words.isdigit() else spelled(words)


def _counts(word: str, text: str, end: int) -> bool:
    """Whether a number word counts something that a statistic is about."""
    if word == "one":
        return _ONE_COUNTS.match(text, end) is not None
    return word not in _FEW or _FEW_COUNT.match(text, end) is not None


def _unit(match: re.Match[str], prefix: str) -> Unit:
    units: tuple[Unit, ...] = ("percent", "points", "times")
    return next((unit for unit in units if match[prefix + unit]), "")


def spelled(words: str) -> float:
    """The number that words such as `two hundred and forty-one` stand for."""
    total = current = 0.0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _SCALES:
            current = max(current, 1) * _SCALES[word]
            if _SCALES[word] > 100:
                total, current = total + current, 0.0
        elif word == "dozen" and current:
            current *= 12
        elif word != "and":
            current += _WORDS[word]
    return total + current
