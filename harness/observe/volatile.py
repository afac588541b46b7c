"""What stays the same about a page when it is opened again: addresses and words without ids, clocks and counters. Pure.

Only what plainly changes by itself is left out. A price, a date or a time of day is content: two pages that differ in
one are two pages, or an action proven on one would be repeated on the other.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from harness.observe.observation import Observation

_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
# A long word; where it mixes digits and letters it is a hash or a token.
_TOKEN = r"(?P<token>\b[0-9a-z_-]{16,}\b)"
_MOMENT = r"\b\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:z|[+-]\d\d:?\d\d)?(?!\w)"
_SECONDS = r"\b\d{1,2}:\d\d:\d\d(?:\.\d+)?(?:\s?[ap]m)?\b"
_EPOCH = r"\b1[5-9]\d{8}(?:\d{3})?\b"
_UNITS = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?|weeks?|months?|years?)"
_AGO = rf"\b(?:\d+|an?)\s?{_UNITS}\s(?:ago|left|remaining)\b"
_NOW = r"\bjust now\b"
_COUNTER = r"\(\d+\+?\)|\b\d+(?=\s(?:unread|online|views?|visitors?|notifications?)\b)"
_VOLATILE = re.compile("|".join((_UUID, _MOMENT, _SECONDS, _EPOCH, _AGO, _NOW, _COUNTER, _TOKEN)), re.IGNORECASE)
_SESSION_KEY = re.compile(
    r"^(_|t|ts|sid|nonce|state|sess(ion)?(_?id)?|phpsessid|jsessionid|token|csrf.*|auth.*|run_?id|time(stamp)?|cb|v|rnd|"
    r"random|utm_.*)$",
    re.IGNORECASE,
)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})
_SHORTEST = 2
# Beyond this a text counts as it is: no page may make the reading of it slow.
LONGEST = 4000
DIGITS = 2


def steady(text: str) -> str:
    """The text with ids, moments and counters replaced by a mark."""
    head, tail = text[:LONGEST], text[LONGEST:]
    said = _VOLATILE.sub(_mark, head)
    return f"{said}~{hashlib.sha256(tail.encode('utf-8', 'replace')).hexdigest()}" if tail else said


def _mark(match: re.Match[str]) -> str:
    word = match.group("token")
    plain = word is not None and (word.isalpha() or sum(c.isdigit() for c in word) < DIGITS or word.isdigit())
    return word if plain else "~"


def steady_path(path: str) -> str:
    """A path with its numbers and ids replaced by a mark: `/mail/17` and `/mail/18` are one family."""
    parts = path.split(";", maxsplit=1)[0].split("/")
    return "/".join("~" if re.fullmatch(r"\d+", part) else steady(part) for part in parts if part)


def steady_address(address: str) -> str:
    """Path, query and fragment without what belongs to one visit."""
    split = urlsplit(address)
    query = sorted((key, steady(value)) for key, value in parse_qsl(split.query) if not _SESSION_KEY.fullmatch(key))
    return json.dumps([steady_path(split.path), query, steady_path(split.fragment)])


def site_of(environment: str, address: str) -> str:
    """`environment|host|path family`. A port of this machine says nothing: a test's server gets a new one each time."""
    split = urlsplit(address)
    host = split.hostname or ""
    return f"{environment}|{'local' if host in _LOCAL else host}|/{steady_path(split.path)}"


def marked(text: str, values: Sequence[str]) -> str:
    """The text with the goal's own values replaced by their numbers: pages that differ in them alone are one."""
    whole = text.strip().lower()
    for number, value in enumerate(values):
        if whole == value.strip().lower():
            return f"⟨{number}⟩"
    for number, value in sorted(enumerate(values), key=lambda pair: -len(pair[1])):
        if len(value) >= _SHORTEST:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"⟨{number}⟩", text, flags=re.IGNORECASE)
    return text


def page_fingerprint(page: Observation, values: Sequence[str] = ()) -> str:
    """16 hex digits: equal for the same page at another visit. `values` are the goal's, marked where they stand.

    Numbers of elements, focus and scroll positions are left out; what is typed, ticked and chosen counts.
    """

    def words(text: str) -> str:
        return marked(steady(text), values)

    seen = [
        (
            e.role, words(e.name), None if e.value is None else words(e.value), e.checked, e.selected, e.expanded,
            e.disabled, [words(o) for o in e.options],
        )
        for e in page.elements
    ]  # fmt: skip
    whole = json.dumps([steady_address(page.address or page.url), steady(page.title), seen])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
