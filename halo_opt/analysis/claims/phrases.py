"""Phrases that say how many or what good it does without a figure, and words that are not what they look like. Pure."""

import re
from collections.abc import Mapping

from halo_opt.analysis.claims.evidence import NOUN, Base, Evidence, named

_ROMAN = re.compile(
    r"\b(?=[MDCLXVI]{2,}\b)M*(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b"
    r"(?=\s+(?:of|in|out|per|%|failures|attempts|successes))"
)
_MANY = (
    r"(?P<all>all|every|each)|(?P<none>none|no)|(?P<most>most|(?:the\s+)?(?:vast\s+|great\s+)?majority)"
    r"|(?P<nearly>(?:nearly|almost|virtually)\s+(?:all|every))|(?P<few>(?:a\s+)?minority)"
)
_SAYS_HOW_MANY = re.compile(
    rf"(?<!of )(?<!among )\b(?:{_MANY})\s+(?:of\s+)?(?:the\s+|these\s+|its\s+)?(?:{NOUN.pattern})(?!\s*-)",
    re.IGNORECASE,
)
_HELPS = re.compile(
    r"\b(?:fail(?:s|ed|ing)?\s+(?:\w+\s+)?(?:less|more\s+rarely)(?:\s+often)?"
    r"|succeed(?:s|ed|ing)?\s+(?:\w+\s+)?more(?:\s+often)?|(?:more|likelier)\s+(?:likely\s+)?to\s+succeed"
    r"|less\s+likely\s+to\s+fail|(?:improv|rais|increas|boost)(?:es?|ed|ing)\s+(?:the\s+)?(?:success|odds|score)\w*"
    r"|(?:reduc|lower|prevent|cut|avoid)(?:es?|s|ed|ing|ting)?\s+(?:the\s+)?failures?)\b",
    re.IGNORECASE,
)
_HARMS = re.compile(
    r"\b(?:fail(?:s|ed|ing)?\s+(?:\w+\s+)?more(?:\s+often)?|succeed(?:s|ed|ing)?\s+(?:\w+\s+)?less(?:\s+often)?"
    r"|more\s+likely\s+to\s+fail|less\s+likely\s+to\s+succeed)\b",
    re.IGNORECASE,
)
_ALWAYS = re.compile(
    r"\b(?:always\s+fail(?:s|ed)?|never\s+succeed(?:s|ed)?"
    r"|(?P<wins>always\s+succeed(?:s|ed)?|never\s+fail(?:s|ed)?))\b",
    re.IGNORECASE,
)


def unborne_phrases(text: str, evidence: Evidence) -> list[tuple[int, int]]:
    """How-many words, roman numerals, mixed scripts and effects that the measurement does not bear out."""
    bad = [match.span() for match in _ROMAN.finditer(text)] + [m.span() for m in re.finditer(r"(?:\[\?\])+", text)]
    bad += [match.span() for match in re.finditer(r"\w+", text) if _mixed(match.group())]
    if evidence.shares:
        bad += [m.span() for m in _SAYS_HOW_MANY.finditer(text) if not _how_many(m, evidence.shares)]
    if evidence.failing is not None:
        bad += [m.span() for m in _ALWAYS.finditer(text) if evidence.failing != (0.0 if m["wins"] else 1.0)]
    if evidence.effect is not None:
        wrong = [pattern for pattern, sign in ((_HELPS, -1), (_HARMS, 1)) if evidence.effect * sign <= 0]
        bad += [match.span() for pattern in wrong for match in pattern.finditer(text)]
    return bad


def _mixed(word: str) -> bool:
    """Whether a word is written in letters of two alphabets: it is not the word that it looks like."""
    latin = any("a" <= c <= "z" or "A" <= c <= "Z" for c in word)
    return latin and any("\u0370" <= c <= "\u058f" for c in word)


def _how_many(match: re.Match[str], shares: Mapping[Base, float]) -> bool:
    share = shares.get(named(match))
    if share is None:
        return False
    if match["nearly"]:
        return share >= 0.9
    if match["most"]:
        return share > 0.5
    if match["few"]:
        return 0 < share < 0.5
    # "each failure" may lead on to anything; "all failures" says that they show it, "no failure" that none does.
    return share == 1.0 if match["all"] else share == 0.0
