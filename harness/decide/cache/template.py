"""Goal templates: a goal with its values masked, and other texts with the same values masked.

Two goals of one template differ only in their values, so what was typed for one can be typed anew for the other.
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
    """A goal with `<kind>` in place of every value, and the values in order."""

    model_config = ConfigDict(frozen=True)

    text: str
    values: tuple[str, ...]


def template_of(goal: str) -> Template:
    """The template of a goal. A capital at the start of a sentence does not make a word a name."""
    values: list[str] = []

    def mask(match: re.Match[str]) -> str:
        kind, value = str(match.lastgroup), match.group()
        lead = ""
        if kind == "name" and _STARTS.search(goal[: match.start()]):
            first, _, rest = value.partition(" ")
            if not rest:
                return value
            lead, value = first + " ", rest
        values.append(value[1:-1] if kind == "quoted" else value)
        return f"{lead}<{kind}>"

    text = " ".join(_VALUE.sub(mask, goal).split())
    return Template(text=text, values=tuple(values))


def mask_values(text: str, values: Sequence[str], *, exact: bool) -> str:
    """The text with the goal's values in it replaced by `⟨number⟩`; `exact` minds upper and lower case."""
    for number, value in enumerate(values):
        if text == value or (not exact and text.strip().lower() == value.strip().lower()):
            return f"⟨{number}⟩"
    flags = re.NOFLAG if exact else re.IGNORECASE
    for number, value in sorted(enumerate(values), key=lambda pair: -len(pair[1])):
        if len(value) > 1:
            text = re.sub(rf"(?<![\w⟨]){re.escape(value)}(?![\w⟩])", f"⟨{number}⟩", text, flags=flags)
    return text


def concrete(text: str, values: Sequence[str]) -> str | None:
    """The text with a goal's values in place of the marks; None where the goal has too few values."""
    if any(int(number) >= len(values) for number in _MARK.findall(text)):
        return None
    return _MARK.sub(lambda match: values[int(match.group(1))], text)


def is_marked(text: str) -> bool:
    """Whether the text holds a mark of a goal's value."""
    return bool(_MARK.search(text))
