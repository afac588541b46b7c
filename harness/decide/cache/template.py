"""A goal with its own values masked, and words written with those values. Pure.

Two goals of one template differ only in values: what was typed for one can be typed anew for the other.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_PATTERNS = (
    ("quoted", r'"[^"]+"|“[^”]+”|(?<![A-Za-z])\'[^\']+\'(?![A-Za-z])'),
    ("email", r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    (
        "date",
        r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b|"
        rf"\b{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d{{1,2}} {_MONTHS}(?: \d{{4}})?\b",
    ),
    ("time", r"\b\d{1,2}:\d\d(?:\s?[ap]m)?\b|\b\d{1,2}\s?[ap]m\b"),
    ("number", r"\$?\b\d[\d,]*(?:\.\d+)?\b"),
    ("name", r"(?-i:\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*)"),
)
_VALUE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS), re.IGNORECASE)
_STARTS = re.compile(r"(^|[.!?:;]\s*)$")
_MARK = re.compile(r"⟨(\d{1,3})⟩")


class Template(BaseModel):
    """A goal's words with `<kind>` for every value, and the values in order."""

    model_config = ConfigDict(frozen=True)

    words: str
    values: tuple[str, ...]


def template_of(goal: str) -> Template:
    """The template of a goal. A capital at the start of a sentence makes no name."""
    values: list[str] = []

    def mask(match: re.Match[str]) -> str:
        kind, said = str(match.lastgroup), match.group()
        lead = ""
        if kind == "name" and _STARTS.search(goal[: match.start()]):
            first, _, rest = said.partition(" ")
            if not rest:
                return said
            lead, said = first + " ", rest
        values.append(said[1:-1] if kind == "quoted" else said)
        return f"{lead}<{kind}>"

    words = " ".join(_VALUE.sub(mask, goal).split())
    return Template(words=words, values=tuple(values))


def abstract(text: str, values: Sequence[str], *, exact: bool) -> str:
    """The text with the values in it replaced by `⟨number⟩`; `exact` minds the case (what is typed, not names)."""
    for number, value in enumerate(values):
        if text == value or (not exact and text.strip().lower() == value.strip().lower()):
            return f"⟨{number}⟩"
    flags = re.NOFLAG if exact else re.IGNORECASE
    for number, value in sorted(enumerate(values), key=lambda pair: -len(pair[1])):
        if len(value) > 1:
            text = re.sub(rf"(?<![\w⟨]){re.escape(value)}(?![\w⟩])", f"⟨{number}⟩", text, flags=flags)
    return text


def concrete(text: str, values: Sequence[str]) -> str | None:
    """The text with the values of another goal put in, or None where that goal has too few."""
    if any(int(number) >= len(values) for number in _MARK.findall(text)):
        return None
    return _MARK.sub(lambda match: values[int(match.group(1))], text)


def is_marked(text: str) -> bool:
    """Whether the words hold a value of the goal."""
    return bool(_MARK.search(text))
