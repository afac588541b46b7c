"""Recognizes a page that is opened again: addresses and texts without ids, clocks and counters, and a hash of them.

Only what changes by itself is removed. A price, a date or a time of day is content: two pages that differ in one are
two pages, and an action proven on one must not be repeated on the other.
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
# The rest of a longer text is hashed as it is, so that no page can make the matching slow.
LONGEST = 4000
DIGITS = 2


def without_volatile(text: str) -> str:
    """The text with `~` in place of ids, timestamps and counters."""
    head, tail = text[:LONGEST], text[LONGEST:]
    stable = _VOLATILE.sub(_mark, head)
    return f"{stable}~{hashlib.sha256(tail.encode('utf-8', 'replace')).hexdigest()}" if tail else stable


def _mark(match: re.Match[str]) -> str:
    word = match.group("token")
    plain = word is not None and (word.isalpha() or sum(c.isdigit() for c in word) < DIGITS or word.isdigit())
    return word if plain else "~"


def path_without_volatile(path: str) -> str:
    """A path with `~` in place of numbers and ids: `/mail/17` and `/mail/18` give the same."""
    parts = path.split(";", maxsplit=1)[0].split("/")
    return "/".join("~" if re.fullmatch(r"\d+", part) else without_volatile(part) for part in parts if part)


def address_without_volatile(address: str) -> str:
    """Path, query and fragment without session ids and the like."""
    split = urlsplit(address)
    query = sorted(
        (key, without_volatile(value)) for key, value in parse_qsl(split.query) if not _SESSION_KEY.fullmatch(key)
    )
    return json.dumps([path_without_volatile(split.path), query, path_without_volatile(split.fragment)])


def site_of(environment: str, address: str) -> str:
    """`environment|host|path`, without volatile parts. A local port is left out: test servers get new ones."""
    split = urlsplit(address)
    host = split.hostname or ""
    return f"{environment}|{'local' if host in _LOCAL else host}|/{path_without_volatile(split.path)}"


def mask_goal_values(text: str, values: Sequence[str]) -> str:
    """The text with `⟨number⟩` in place of the goal's values, so that pages that differ only in them are equal."""
    whole = text.strip().lower()
    for number, value in enumerate(values):
        if whole == value.strip().lower():
            return f"⟨{number}⟩"
    for number, value in sorted(enumerate(values), key=lambda pair: -len(pair[1])):
        if len(value) >= _SHORTEST:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"⟨{number}⟩", text, flags=re.IGNORECASE)
    return text


def page_fingerprint(page: Observation, values: Sequence[str] = ()) -> str:
    """16 hex digits, equal for the same page at another visit. `values` are the goal's, which are masked.

    Element numbers, focus and scroll positions are left out; what is typed, ticked and chosen counts.
    """

    def stable(text: str) -> str:
        return mask_goal_values(without_volatile(text), values)

    seen = []
    for e in page.elements:
        value = None if e.value is None else stable(e.value)
        options = [stable(option) for option in e.options]
        seen.append((e.role, stable(e.name), value, e.checked, e.selected, e.expanded, e.disabled, options))
    whole = json.dumps([address_without_volatile(page.address or page.url), without_volatile(page.title), seen])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
