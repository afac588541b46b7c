"""Finds which value of a goal belongs to which field. Where a goal is ambiguous the answer is None."""

import re
from collections.abc import Sequence
from datetime import date, datetime

QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|(?<![A-Za-z])\'([^\']+)\'(?![A-Za-z])')
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
# Fields that go by many names. Goals say one of them and pages another.
SYNONYMS = (
    frozenset({"username", "user name", "user", "login", "email", "e mail", "email address", "user id", "account"}),
    frozenset({"password", "pass word", "passcode", "pin"}),
    frozenset({"to", "recipient", "recipients", "recipient email"}),
    frozenset({"subject", "title", "subject line"}),
    frozenset({"body", "message", "text", "content", "message body", "saying"}),
)
_BEFORE_NAME = re.compile(r"\s*(?:as|in|into|for)(?: the| a| your)?\s*", re.IGNORECASE)
_DATE = re.compile(
    r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{4}\b|\b[A-Za-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b|"
    r"\b\d{1,2} [A-Za-z]{3,9} \d{4}\b"
)
_DATE_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y")
FARTHEST = 60


def normalized(text: str) -> str:
    """The text as lower-case words with single spaces between them."""
    return " ".join(re.findall(r"[a-z0-9@]+", text.lower()))


def values(goal: str) -> list[tuple[int, int, str]]:
    """(start, end, text) of every value in the goal: quoted texts, and e-mail addresses outside of quotes."""
    found = []
    for match in QUOTED.finditer(goal):
        text = next(group for group in match.groups() if group is not None)
        found.append((match.start(), match.end(), text))
    quotes = list(found)
    for match in EMAIL.finditer(goal):
        quoted = any(start <= match.start() < end for start, end, _ in quotes)
        if not quoted:
            found.append((match.start(), match.end(), match.group()))
    return sorted(found)


def names_of(name: str) -> list[str]:
    """The names that a goal may use for a field, the field's own first."""
    own = normalized(name)
    group: frozenset[str] = next((g for g in SYNONYMS if own in g), frozenset())
    return [own, *sorted(group - {own}, key=len, reverse=True)] if own else []


def value_for(name: str, goal: str) -> str | None:
    """The value that the goal gives the field of this name: `NAME "value"`, or `"value" as the NAME`."""
    spans = values(goal)
    for known in names_of(name):
        pattern = r"\b" + r"[\W_]+".join(map(re.escape, known.split())) + r"\b"
        for match in re.finditer(pattern, goal, re.IGNORECASE):
            if any(start <= match.start() < end for start, end, _ in spans):
                continue
            before = [v for v in spans if v[1] <= match.start() and _BEFORE_NAME.fullmatch(goal[v[1] : match.start()])]
            after = [v for v in spans if 0 <= v[0] - match.end() <= FARTHEST]
            if before:
                return before[-1][2]
            if after and not re.search(r"[.;]\s", goal[match.end() : after[0][0]]):
                return after[0][2]
    return None


def the_date(goal: str) -> date | None:
    """The one date of a goal; None where there is none, or more than one."""
    found = {_date(m.group()) for m in _DATE.finditer(goal)} - {None}
    return found.pop() if len(found) == 1 else None


def _date(text: str) -> date | None:
    clean = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text).replace(",", "")
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(clean, form).date()
        except ValueError:
            continue
    return None


def goal_has_word(goal: str, words: Sequence[str]) -> bool:
    """Whether the goal contains one of the words outside of its values."""
    rest = goal
    for start, end, _ in reversed(values(goal)):
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return any(re.search(rf"\b{word}\b", rest, re.IGNORECASE) for word in words)
