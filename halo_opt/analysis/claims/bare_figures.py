"""Finds the figures and number words in a model's text that no checked number gave. The text stays as it is."""

import re
from collections.abc import Set

from halo_opt.analysis.claims.placeholders import APART, without_placeholders

_WORDS = (
    "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands"
    " million dozen dozens twice thrice half"
)
_WORD = re.compile(
    rf"\b(?:{'|'.join(_WORDS.split())})\b(?:-\w+)?"
    r"|\b(?:(?:a|one|two|three) )?(?:thirds|quarters?)\b|\b(?:a|one) third\b",
    re.IGNORECASE,
)
# A small number word counts something where one of these follows: "two attempts", "three of them".
_SMALL_WORD = re.compile(r"(?:two|three|four|five|six|seven|eight|nine|ten)", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s+(?:of|in|out|per|percent|thirds?|quarters?)\b"
    r"|(?:\s+[\w-]+){0,2}?\s+(?:attempts?|failures?|successes|failed|succeeded|runs?|tasks?|traces?|steps?|turns?|times|calls?"
    r"|errors?|commands?|models?|files?|messages?|replies|actions?)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w.])[+\-±~≈<>≤≥=$€]*\d[\d.,]*(?:/\d+)?(?:\s*(?:%|percent\b|x\b|\u00d7))?")
# What a number names instead of counting: a step, a version, a setting's value, an option's argument.
_NAMED = re.compile(
    r"(?:\b(?:steps?|turns?|lines?|task|attempt|run|finding|claim|seed|versions?|status|codes?|ports?|HTTP"
    r"|exit|errors?|errno|levels?|pages?|sections?|chapters?|python|claude|gemini|llama|qwen|gpt|mistral|deepseek)"
    r"\s+(?:(?:no\.?|number|code|status)\s+)?#?"
    r"|#"
    r"|\b\w+_\w+\s*(?:(?:to|of|at|is|was|from)\s+|[=:<>]+\s*)?"
    r"|(?<!\S)--?[A-Za-z][\w-]*[ =])$",
    re.IGNORECASE,
)
_MIXED = re.compile(r"\S*[A-Za-z_]\S*\d\S*|\S*\d\S*[A-Za-z_/]\S*")
_TIMES_OR_SHARE = re.compile(r"[+\-±~≈<>(]*\d[\d.,]*(?:/\d+)?(?:x|\u00d7|%|percent)[).,;:!?]*", re.IGNORECASE)


def bare_figures(text: str, names: Set[str] = frozenset(), limits: Set[float] = frozenset()) -> list[str]:
    """The figures and number words of a text, as they are written there, in their order.

    Left out are those in quotes, code, placeholders, identifiers, versions, paths and options, and those that number a
    step or the like.

    Args:
        text: The text as the model wrote it, with its placeholders.
        names: Names in the traces that contain a digit, in lower case.
        limits: Constants that the predicate compares with: they say what is meant, and count nothing.
    """
    plain = _without_identifiers(without_placeholders(APART.sub(" … ", text)), names)
    found = [(match.start(), match[0]) for match in _WORD.finditer(plain) if _counts(match, plain)]
    digits = ((match.start(), match[0]) for match in _DIGITS.finditer(plain))
    found += [(start, figure) for start, figure in digits if not _is_name(plain, start, figure)]
    written = [_stripped(figure) for _, figure in sorted(found)]
    return [figure for figure in dict.fromkeys(written) if _value(figure) not in limits]


def _is_name(text: str, start: int, figure: str) -> bool:
    """Whether a figure numbers something, as in "step 4"; in "of this run 4 of 7 attempts" it counts."""
    return _NAMED.search(text[:start]) is not None and _COUNTED.match(text, start + len(figure)) is None


def _counts(word: re.Match[str], text: str) -> bool:
    """Whether a number word counts something: all do but small ones before other words, as in "two ways of failing"."""
    return not _SMALL_WORD.fullmatch(word[0]) or _COUNTED.match(text, word.end()) is not None


def _without_identifiers(text: str, names: Set[str]) -> str:
    """The text with `…` for each word that is a name: letters with digits, a path, or a name of the traces."""

    def put(match: re.Match[str]) -> str:
        word = match[0]
        if word.strip("().,;:!?").lower() in names:
            return "…"
        return "…" if _MIXED.fullmatch(word) and not _TIMES_OR_SHARE.fullmatch(word) else word

    return re.sub(r"\S+", put, text)


def _stripped(figure: str) -> str:
    return figure.strip().rstrip(".,")


_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _value(figure: str) -> float | None:
    """The value of a plain figure or a small number word, None for any other."""
    lower = figure.lower()
    if lower in _SMALL:
        return float(_SMALL.index(lower))
    if lower in ("twice", "thrice"):
        return 2.0 if lower == "twice" else 3.0
    try:
        return float(lower.lstrip("+~≈<>≤≥=").replace(",", ""))
    except ValueError:
        return None
