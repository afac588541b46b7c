"""Figures in words, held against numbers that were checked. Pure; must never let a figure pass that none bears out.

Only figures are held against numbers. What else the words say (most, often, because) nobody has checked, and a report
shows such words apart from its own.
"""

import re
from collections.abc import Sequence

from halo_opt.records import Value

STRUCK = "[not confirmed]"

_SMALL = "one|two|three|four|five|six|seven|eight|nine|ten"
_LARGE = (
    r"eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|"
    r"seventy|eighty|ninety)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|hundreds?|thousands?|millions?|"
    r"billions?|dozens?"
)
_PARTS = "halves|half|thirds?|quarters?|fourths?|fifths?|tenths?"
_PERCENT = r"\s?(?:%|per\s?cent\b|percent\b)"
# Numerals: 12, 1,040, 30.4 %, 93 percent, 9x, 1e5. What is part of a name (gpt-4o, v2, step3) is no figure.
_NUMERAL = rf"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?:{_PERCENT}|\s?[x\u00d7](?!\w))?(?!\w)"
# Spelled out: from eleven on, and smaller ones where they count attempts or shares of them.
_SPELLED = (
    rf"\b(?:(?:{_SMALL}|{_LARGE})(?:{_PERCENT}|\s(?:out of|in)\s(?:every\s)?(?:{_SMALL}|{_LARGE}|\d+)\b)"
    rf"|(?:(?:a|{_SMALL})[- ])?(?:{_PARTS})(?= of\b)|(?:{_LARGE})\b)"
)
# Digits that are no decimal digits: fractions, superscripts, numbers in circles, Roman numerals of one character.
_ODD = r"[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2089\u2150-\u218b\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]+"
_FIGURE = re.compile(f"{_SPELLED}|{_NUMERAL}|{_ODD}", re.IGNORECASE)


def strike(words: str, known: Sequence[Value], corrections: list[str]) -> str:
    """The words without figures that no known number bears out, as a count or as a percentage; each is told of."""
    values = [float(value) for value in known if isinstance(value, int | float) and not isinstance(value, bool)]

    def confirmed(match: re.Match[str]) -> str:
        said = match.group(0)
        if _borne_out(said, values):
            return said
        corrections.append(f"{said} was struck from the words: no checked number says so")
        return STRUCK

    return _FIGURE.sub(confirmed, words)


def unconfirmed(words: str, known: Sequence[Value]) -> list[str]:
    """The figures that `strike` would strike; none of what it gave."""
    found: list[str] = []
    strike(words, known, found)
    return found


def _borne_out(said: str, values: Sequence[float]) -> bool:
    plain = re.sub(rf"(?:{_PERCENT}|\s?[x\u00d7])$", "", said, flags=re.IGNORECASE).replace(",", "").strip()
    try:
        figure = float(plain)
    except ValueError:
        return False  # spelled out: there is nothing to compare with that a reader would not doubt
    percent = re.search(rf"{_PERCENT}$", said, re.IGNORECASE) is not None
    digits = 0 if "e" in plain.lower() else len(plain.partition(".")[2])
    return any(round(abs(100 * value if percent else value), digits) == abs(figure) for value in values)


def counts(failures_with: Value, failures: Value, successes_with: Value, successes: Value) -> list[float]:
    """What four counts say of a behaviour, in the forms in which people write it; none where one is missing."""
    four = (failures_with, failures, successes_with, successes)
    if not all(isinstance(value, int | float) for value in four):
        return []
    fw, f, sw, s = (float(value) for value in four if isinstance(value, int | float))
    return [fw, f, sw, s, fw + sw, f + s, *([fw / f] if f else []), *([sw / s] if s else [])]
