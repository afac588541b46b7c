"""Removes the figures and phrases from a model's text that no checked number supports.

A figure is supported by a checked number of the same value that counts the same thing: 12 of 40 failures are not 12 of
40 attempts. Numerals in words and in other scripts count as figures. Only English is read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from halo_opt.analysis.claims.evidence import NOUN, NOUNS, Base, Evidence, KnownNumber, Role, named
from halo_opt.analysis.claims.numerals import Figure, figures, plain
from halo_opt.core.records import Value

NOT_CONFIRMED = "[not confirmed]"
# How far a share in words (half, a third, nine in ten) may be from the measured one.
ROUNDED = 0.01

_CLAUSE = re.compile(r"[.;:!?\n,()]")
_OF = re.compile(r"\s*(?:(?:\bout\s+)?\b(?:of|in)\b(?:\s+(?:the|all|every|each|these|those|its))*|/)\s*", re.IGNORECASE)
_WHOLE_BEFORE = re.compile(
    r"\b(?:of|among|over|there (?:are|were)|total of)(?:\s+(?:the|all|these|those))?\s*$", re.IGNORECASE
)
_WHOLE_AFTER = re.compile(r"\s*(?:\w+\s+)?(?:in all|in total|altogether|overall)\b", re.IGNORECASE)
_LESS = re.compile(r"\b(?:less|fewer|lower|rarer|decrease|reduc\w+)\b", re.IGNORECASE)
_MORE = re.compile(r"\b(?:more|higher|greater|increase\w*|oftener)\b", re.IGNORECASE)
_WHERE = re.compile(r"\b(?P<what>step|turn)s?\s*(?:no\.?|number|#)?\s*$", re.IGNORECASE)
_LABEL = re.compile(r"\b(?:http|status|code|error|port|version|task|seed|run|line|rule|policy|\$|€|£)\s*$|[$€£]$", re.I)
_AT_LEAST = re.compile(r"\b(?:at least|more than|over|fewer than|less than|at most|up to)\s*$", re.IGNORECASE)
_THINGS = r"steps?|calls?|turns?|messages?|characters?|words?|tokens?|seconds?|minutes?|errors?|retries|tools?|bytes"
_ENDS = re.compile(
    r"(?P<failures>\bfail(?:s|ed)?\b|\bfailures?\b)"
    r"|(?P<successes>\bsucceed(?:s|ed)?\b|\bpass(?:es|ed)?\b|\bsuccess(?:es|ful)?\b)",
    re.IGNORECASE,
)
_AS_RATE = re.compile(r"\s+(?P<what>failures?|success(?:es)?)\b", re.IGNORECASE)
_ENDS_IN = re.compile(r"\b(?P<what>fail|succeed|pass)(?:s|es|ed)?\s+(?:in|on|at)\s+(?:\w+\s+)?$", re.IGNORECASE)
_OR_MORE = re.compile(
    rf"\s+(?:or (?:more|fewer)\s+)?(?:\w+\s+)?(?:(?:{_THINGS})\b|times in a row\b)|\s+or (?:more|fewer) times\b",
    re.IGNORECASE,
)
_MORE_OF_IT = re.compile(r"\s+or (?:more|fewer)\b|\s+times in a row\b", re.IGNORECASE)
_THING_AFTER = re.compile(
    r"\s(?!(?:of|in|out|per|percent|points?|times|more|less|fewer|or|and|to)\b)([a-z]+)\b", re.IGNORECASE
)
_TOKEN = re.compile(r"[^\s()\[\]{}\"'`,;!?]*\d[^\s()\[\]{}\"'`,;!?]*")
# Characters that join the parts of a name.
_JOINS = "-._+~%@#$\u20ac\u00a3"
_MAX_NAME = 200
_GLUED = re.compile(r"(?P<word>[A-Za-z]+)\d")
_LED = re.compile(
    r"\d[\d.,]*(?!(?:k|m|mn|bn|x|st|nd|rd|th|pp|pct|pc|percent|fold|points?)\b)[A-Za-z]+\b", re.IGNORECASE
)
_COUNTED = re.compile(
    rf"(?:{'|'.join(NOUNS.values())}|n|x|approx|about|ca|circa|only|over|cases?|times)\Z", re.IGNORECASE
)


def remove_unsupported(words: str, known: Sequence[Value] | Evidence, corrections: list[str]) -> str:
    """Replace every figure and phrase that the evidence does not support by `[not confirmed]`.

    Args:
        words: The text.
        known: The evidence, or plain numbers that may count anything.
        corrections: Receives a line for each figure that is removed.

    Returns:
        The text without hidden characters, with digits of all scripts as 0 to 9.
    """
    evidence = known if isinstance(known, Evidence) else numbers_as_evidence(known)
    text = plain(words)
    # A figure may lose its support when the figure beside it is removed, so the text is checked until nothing changes.
    while bad := sorted({*_unsupported_spans(text, evidence), *unsupported_phrases(text, evidence)}):
        done, at = "", 0
        for start, end in bad:
            if start >= at:
                corrections.append(f"{text[start:end]} was removed from the text: no checked number supports it")
                done += text[at:start] + NOT_CONFIRMED
                at = end
        text = done + text[at:]
    return text


def unsupported_figures(words: str, known: Sequence[Value] | Evidence) -> list[str]:
    """The corrections that `remove_unsupported` would make; empty for a text that it returned."""
    found: list[str] = []
    remove_unsupported(words, known, found)
    return found


def numbers_as_evidence(known: Sequence[Value]) -> Evidence:
    """Plain numbers as evidence, which may count anything."""
    return Evidence([KnownNumber(v) for v in known if isinstance(v, int | float) and not isinstance(v, bool)])


def _unsupported_spans(text: str, evidence: Evidence) -> list[tuple[int, int]]:
    """The (start, end) of each figure, or pair such as `12 of 40`, that the evidence does not support."""
    found = list(figures(text))
    bad: list[tuple[int, int]] = _names(text, evidence)
    skip = 0
    for place, figure in enumerate(found):
        if place < skip:
            continue
        second = found[place + 1] if place + 1 < len(found) else None
        written = _written_so(text, figure, evidence)
        if not written and second is not None and _OF.fullmatch(text, figure.end, second.start):
            base, ends = _base(text, second, None), _ends(text, figure, second.end, len(text))
            held = _ends_so(figure, second, ends, evidence) if ends else _pair(figure, second, base, evidence)
            if not held:
                bad.append((figure.start, second.end))
            skip = place + 2
            continue
        if not (written or _supported(text, figure, second, evidence)):
            bad.append((figure.start, figure.end))
    return bad


def _names(text: str, evidence: Evidence) -> list[tuple[int, int]]:
    """The (start, end) of words that contain a count (`failures41`, `41failures`) and are no name in the traces."""
    bad = []
    for match in _TOKEN.finditer(text):
        glued, led = _GLUED.search(match.group()), _LED.match(match.group())
        counts = (glued and _COUNTED.match(glued["word"])) or led
        end = match.start() + len(match.group().rstrip(".:/-"))
        if counts and not any(_is_name(word, evidence) for word in _words_around(text, match.start(), end)):
            bad.append(match.span())
    return bad


def _pair(part: Figure, whole: Figure, base: Base, evidence: Evidence) -> bool:
    """Whether "12 of 40 failures" is supported as a pair; or as a share where the whole is at most 20 (nine in ten)."""
    if part.unit == "percent":
        return _known(part, base, evidence, ("share", "number")) and _known(whole, base, evidence, ("whole", "number"))
    if _known(whole, base, evidence, ("whole", "number")) and _known(part, base, evidence, ("part", "number")):
        return True
    if whole.value <= 0 or not 0 <= part.value <= whole.value or whole.value > 20:
        return False
    share = part.value / whole.value
    shares = [k.value for k in evidence.known if k.role in {"share", "number"} and _fits(k, base)]
    return any(abs(known - share) <= ROUNDED for known in shares)


def _ends(text: str, figure: Figure, end: int, until: int) -> Base | None:
    """The outcome that a figure counts ("9 of 10 runs fail", "90% success"); None where it counts no outcome.

    Args:
        text: The text.
        figure: The figure.
        end: Where the words about the figure begin.
        until: Where they end at the latest: at the next figure, or at the end of the text.
    """
    if found := _ENDS_IN.search(text[: figure.start]):
        return "failures" if found["what"].lower() == "fail" else "successes"
    if figure.unit == "percent" and (found := _AS_RATE.match(text, figure.end)):
        return "failures" if found["what"].lower().startswith("fail") else "successes"
    stop = _CLAUSE.search(text, end, until)
    after = text[end : stop.start() if stop else until]
    noun = NOUN.search(after)
    if noun is None or named(noun) != "attempts":
        return None
    ends = list(_ENDS.finditer(after, noun.end()))
    if not ends:
        return None
    return "failures" if ends[-1]["failures"] else "successes"


def _ends_so(part: Figure, whole: Figure | None, base: Base, evidence: Evidence) -> bool:
    """Whether a number or share of attempts with an outcome is supported."""
    if part.unit == "percent" or part.rough:
        return _known(part, base, evidence, ("rate", "number"))
    if whole is None:
        return _known(part, base, evidence, ("ends", "rate", "number"))
    if _known(part, base, evidence, ("ends",)) and _known(whole, "attempts", evidence, ("part", "whole")):
        return True
    share = part.value / whole.value if 0 < whole.value <= 20 else None
    rates = [k.value for k in evidence.known if k.role == "rate" and _fits(k, base)]
    return share is not None and any(abs(rate - share) <= ROUNDED for rate in rates)


def _supported(text: str, figure: Figure, second: Figure | None, evidence: Evidence) -> bool:
    if figure.unit == "points":
        return _difference(text, figure, second, evidence)
    if ends := _ends(text, figure, figure.end, len(text) if second is None else second.start):
        return _ends_so(figure, None, ends, evidence)
    base = _base(text, figure, second)
    roles: tuple[Role, ...] = ("part", "share", "difference", "number")
    if _WHOLE_BEFORE.search(text[: figure.start]) or _WHOLE_AFTER.match(text, figure.end):
        roles = ("part", "whole", "share", "difference", "number")
    return _known(figure, base, evidence, roles)


def _written_so(text: str, figure: Figure, evidence: Evidence) -> bool:
    """Whether a figure is a step, a name or a bound, not a count, and is found in a quote, a name or the predicate."""
    before = text[: figure.start]
    if _WHERE.search(before):
        return figure.value in evidence.steps
    written = text[figure.start : figure.end].strip()
    led = _word_before(before)
    if led and f"{led}{written}".lower() in evidence.names:
        return True
    if any(_is_name(word, evidence) for word in _words_around(text, figure.start, figure.end) if word != written):
        return True
    if _LABEL.search(before) and _quoted(written, evidence):
        return True
    following = _THING_AFTER.match(text, figure.end)
    if following and not NOUN.match(following[1]) and _quoted(written + following[0], evidence):
        return True
    bound = _OR_MORE.match(text, figure.end) and (_AT_LEAST.search(before) or _MORE_OF_IT.match(text, figure.end))
    return bool(bound) and not figure.unit and figure.value in evidence.limits


def _quoted(words: str, evidence: Evidence) -> bool:
    """Whether a quote contains exactly these words."""
    return any(re.search(rf"(?<![\w.]){re.escape(words)}(?!\w)", quote) for quote in evidence.quotes)


def _is_name(word: str, evidence: Evidence) -> bool:
    """Whether a word is a name in the traces, or part of a quote."""
    return word.lower() in evidence.names or _quoted(word, evidence)


def _words_around(text: str, start: int, end: int) -> Iterator[str]:
    """The words without white space that contain a figure, longest first.

    In `(a-25/b-3)` the figure 25 has the word `a-25`. A part of a longer name (`a-25` in `a-25-b`) is no word.
    """
    low = max(text.rfind(mark, 0, start) for mark in " \n\t") + 1
    high = min((at for mark in " \n\t" if (at := text.find(mark, end)) >= 0), default=len(text))
    low, high = max(low, start - _MAX_NAME), min(high, end + _MAX_NAME)
    for left in (at for at in range(low, start + 1) if _begins(text, low, at)):
        for right in (at for at in range(high, end - 1, -1) if _ends_word(text, at, high)):
            yield text[left:right]


def _begins(text: str, low: int, at: int) -> bool:
    fit = text[at : at + 1].isalnum() or text[at : at + 1] in "$\u20ac\u00a3#@_"
    return fit and (at == low or not (text[at - 1].isalnum() or text[at - 1] in _JOINS))


def _ends_word(text: str, at: int, high: int) -> bool:
    """Whether a word may end before `at`: at the end of the text, or where no joined part follows."""
    if not (text[at - 1].isalnum() or text[at - 1] in "_%"):
        return False
    rest = text[at:high]
    return not rest or not (rest[0].isalnum() or (rest[0] in _JOINS and rest[1:2].isalnum()))


def _word_before(before: str) -> str:
    found = re.search(r"(\S+)\s$", before)
    return f"{found[1]} " if found else ""


def _base(text: str, figure: Figure, second: Figure | None) -> Base:
    """What a figure counts: the noun after it, or else the last noun before it in its clause."""
    end = len(text) if second is None else second.start
    stop = _CLAUSE.search(text, figure.end, end)
    after = text[figure.end : min(stop.start() if stop else end, figure.end + 60)]
    if found := NOUN.search(after):
        return named(found)
    starts = [match.end() for match in re.finditer(r"[.;:!?\n]|,\s|\band\b", text[: figure.start])]
    clause = text[max([*starts, figure.start - 60, 0]) : figure.start]
    before = list(NOUN.finditer(clause))
    return named(before[-1]) if before else "any"


def _difference(text: str, figure: Figure, second: Figure | None, evidence: Evidence) -> bool:
    """Whether a difference in percentage points is supported: its size, and its direction where the text has one."""
    end = min(len(text) if second is None else second.start, figure.end + 40)
    after = text[figure.end : end]
    if evidence.effect is not None:
        outcome = _base(text, figure, None)
        sign = -1 if outcome == "successes" else 1
        if _LESS.search(after) and not _MORE.search(after) and evidence.effect * sign >= 0:
            return False
        if _MORE.search(after) and not _LESS.search(after) and evidence.effect * sign <= 0:
            return False
    return _known(figure, "any", evidence, ("difference", "number"))


def _known(figure: Figure, base: Base, evidence: Evidence, roles: Sequence[Role]) -> bool:
    return any(k.role in roles and _fits(k, base) and _same(figure, k) for k in evidence.known)


def _fits(known: KnownNumber, base: Base) -> bool:
    return "any" in (known.base, base) or known.base == base


def _same(figure: Figure, known: KnownNumber) -> bool:
    """Whether a figure has the value of a checked number, to the digits that the figure has."""
    shown = abs(known.value)
    if figure.unit in {"percent", "points"}:
        # A checked number may be a share (0.3) or a percentage (30).
        if known.role in {"share", "rate", "difference"} or shown <= 1:
            shown *= 100
        elif isinstance(known.value, int):
            return False  # a count is no percentage
    if figure.value < 0 and known.role == "difference" and known.value > 0:
        return False
    stated = abs(figure.value)
    if figure.rough:
        return abs(shown - stated) <= ROUNDED
    return round(shown, figure.digits) == round(stated, figure.digits)


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


def unsupported_phrases(text: str, evidence: Evidence) -> list[tuple[int, int]]:
    """The (start, end) of quantifiers, effects, roman numerals and words of mixed scripts that lack support."""
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
    """Whether a word mixes Latin letters with Greek, Cyrillic or Armenian ones that look like them."""
    latin = any("a" <= c <= "z" or "A" <= c <= "Z" for c in word)
    return latin and any("\u0370" <= c <= "\u058f" for c in word)


def _how_many(match: re.Match[str], shares: Mapping[Base, float]) -> bool:
    """Whether a quantifier ("most failures") agrees with the measured share."""
    share = shares.get(named(match))
    if share is None:
        return False
    if match["nearly"]:
        return share >= 0.9
    if match["most"]:
        return share > 0.5
    if match["few"]:
        return 0 < share < 0.5
    return share == 1.0 if match["all"] else share == 0.0
