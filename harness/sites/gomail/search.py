"""Mail search with words, "phrases" and operators. Every text is a valid query."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from harness.sites.base.changes import Tree
from harness.sites.gomail.clock import Clock, months_before
from harness.sites.gomail.mailbox import FOLDERS, Mail, Test, labels

LONGEST = 500
_TERM = re.compile(r'(-?)(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_AGE = re.compile(r"(\d{1,4})([dmy])")
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")


def _words(text: str) -> list[str]:
    """Words without case and plural s, so that "alert" finds "alerts" and the other way round."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return [w[:-1] if len(w) > 3 and w.endswith("s") else w for w in found]


def _contains(text: str, phrase: str) -> bool:
    """Whether the text contains the phrase's words in a row; the last one may be the start of a longer word."""
    want, have = _words(phrase), _words(text)
    if not want:
        return phrase.casefold() in text.casefold()
    for i in range(len(have) - len(want) + 1):
        window = have[i : i + len(want)]
        # Two letters begin half of all words.
        begun = len(want[-1]) >= 3 and window[-1].startswith(want[-1])
        if window == want or (begun and window[:-1] == want[:-1]):
            return True
    return False


def _text(mail: Mail, *fields: str) -> str:
    return "\n".join(", ".join(v) if isinstance(v := mail[f], list) else v for f in fields)


_FIELDS = {
    "from": ("fromName", "from"),
    "to": ("to", "cc", "bcc"),
    "subject": ("subject",),
    "": ("fromName", "from", "to", "cc", "bcc", "subject", "content"),
}
_IS: dict[str, Test] = {
    "unread": lambda m: not m["isRead"],
    "read": lambda m: m["isRead"],
    "starred": lambda m: m["starred"],
    "snoozed": lambda m: m["snoozed"],
}


def _day(operator: str, value: str, clock: Clock) -> date | None:
    if age := _AGE.fullmatch(value):
        number, unit = int(age.group(1)), age.group(2)
        try:
            if unit == "d":
                return clock.today - timedelta(days=number)
            return months_before(clock.today, number * (12 if unit == "y" else 1))
        except (ValueError, OverflowError):
            return date.min
    if operator in ("before", "after") and (written := _DATE.fullmatch(value)):
        try:
            return date(*map(int, written.groups()))
        except ValueError:
            return None
    return None


def _dated(operator: str, value: str, clock: Clock) -> Test | None:
    if operator not in ("before", "after", "older_than", "newer_than"):
        return None
    day = _day(operator, value.casefold(), clock)
    if day is None:
        return None
    iso = day.isoformat()
    return (lambda m: m["date"] < iso) if operator in ("before", "older_than") else (lambda m: m["date"] >= iso)


def _operator(name: str, value: str, state: Tree, clock: Clock) -> Test | None:
    """The test of `name:value`, or None where that is no operator but text with a colon."""
    if name in _FIELDS:
        return lambda m: _contains(_text(m, *_FIELDS[name]), value)
    if name == "is":
        return _IS.get(value.casefold())
    if name == "in" and value.casefold() in FOLDERS:
        return FOLDERS[value.casefold()][1]
    if name == "label":
        ids = {k for k, e in labels(state).items() if e["label"].casefold() == value.casefold()}
        return lambda m: not ids.isdisjoint(m["labels"])
    return _dated(name, value, clock)


def _not(test: Test) -> Test:
    return lambda mail: not test(mail)


def _tests(query: str, state: Tree, clock: Clock) -> Iterator[tuple[str, Test]]:
    for minus, name, phrase, word in _TERM.findall(query[:LONGEST]):
        value = phrase or word
        test = _operator(name.casefold(), value, state, clock)
        if test is None:
            name, value = "", f"{name} {value}"  # noqa: PLW2901  an unknown operator is plain text
            test = _operator("", value, state, clock)
        assert test is not None
        yield name.casefold(), _not(test) if minus else test


def query_test(query: str, state: Tree, clock: Clock) -> Test:
    """What a mail must be like to be found. Trash and Spam are looked through only with `in:`."""
    tests = list(_tests(query, state, clock))
    if not any(name == "in" for name, _ in tests):
        tests.append(("in", FOLDERS["all"][1]))
    return lambda mail: all(test(mail) for _, test in tests)
