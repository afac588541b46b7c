"""Replaces secrets in text by `[redacted:<kind>]`, in linear time (RE2 does not backtrack). JSON stays valid JSON.

Best effort: a secret of no known shape, with no name before it that gives it away, stays. Any text is accepted. A
redactor may read this process's environment when it is created.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import re2

from halo_opt.redaction import hidden
from halo_opt.redaction.patterns import FRONT, PERSONAL, SECRETS, Pattern
from halo_opt.redaction.rules import RedactionRules, secret_values, worth_hiding
from halo_opt.redaction.spellings import spellings

# RE2 keeps the states it has seen in memory; out of it, it starts anew and is slow.
_MEMORY = 256 << 20
# A token right behind another one is seen when that one is gone. More than so many in a row are no accident.
_MOST_ROUNDS = 16
_REST = b"[redacted:tokens]"
# Repetitions at the end of a pattern beyond the fewest, and a bounded one at its beginning: a match needs neither.
_REPEATED = re.compile(r"(?<=\d),\d*(?=\}\)\Z)|(?<=\A\()\[[^\]]*\]\{\d+,\d+\}")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*', re.DOTALL)


class Redactor:
    """Rules compiled once, for any number of texts. Safe to use from several threads."""

    def __init__(self, rules: RedactionRules = RedactionRules()) -> None:  # noqa: B008  (it is frozen)
        known = set(filter(worth_hiding, rules.known))
        if rules.environment:
            known.update(secret_values(os.environ))
        patterns = [Pattern("known-value", f"({'|'.join(spellings(value))})") for value in sorted(known, key=len)[::-1]]
        self._patterns = [*patterns, *SECRETS, *(PERSONAL if rules.personal else [])]
        # Without groups it is three times as fast, and most texts hold nothing.
        self._any = _compiled(f"{_quick(self._patterns)}|{hidden.QUICK}", groups=False)

    # Only texts that may hold something need these; to compile them takes long.

    @cached_property
    def _hidden(self) -> Any:
        return _compiled(hidden.QUICK, groups=False)

    @cached_property
    def _find(self) -> Any:
        return _compiled("|".join(pattern.regex for pattern in self._patterns))

    @cached_property
    def _more(self) -> dict[str, Any]:
        return {pattern.more: _compiled(pattern.more) for pattern in self._patterns if pattern.more}

    def may_hold_secrets(self, data: bytes) -> bool:
        """Whether some rule may match somewhere; False for many texts at once tells that all are clean."""
        return self._any.search(data) is not None

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """The text without its secrets, and how many of each kind there were."""
        data = text.encode("utf-8", "surrogatepass")
        if self._any.search(data) is None:
            return text, Counter()
        clean, counts = self._redact(data)
        if not counts:
            return text, counts
        found = clean.decode("utf-8", "surrogatepass")
        if _is_json(text) and not _is_json(found):
            return self._redact_values(text)
        return found, counts

    def _redact(self, data: bytes) -> tuple[bytes, Counter[str]]:
        """Round after round until nothing more is found, so that redacting again changes nothing."""
        data, counts = self._without_hidden(data)
        for _ in range(_MOST_ROUNDS):
            data, found = self._round(data)
            counts += found
            if not found:
                return data, counts
        while span := self._next(data, 0):
            data = data[: span[0]] + _REST
            counts["tokens"] += 1
        return data, counts

    def _without_hidden(self, data: bytes) -> tuple[bytes, Counter[str]]:
        """The text without tokens that are encoded or broken into pieces."""
        counts: Counter[str] = Counter()
        if self._hidden.search(data) is None:
            return data, counts
        data, counts["broken-token"] = _cut(data, list(hidden.broken(data)), "broken-token")
        data, counts["encoded-secret"] = _cut(data, list(hidden.encoded(data, self._holds)), "encoded-secret")
        return data, +counts

    def _holds(self, data: bytes) -> bool:
        return self._next(data, 0) is not None

    def _round(self, data: bytes) -> tuple[bytes, Counter[str]]:
        counts: Counter[str] = Counter()
        pieces: list[bytes] = []
        position = 0
        while span := self._next(data, position):
            start, end, pattern = span
            mark = f"[redacted:{pattern.kind}]"
            pieces += [data[position:start], (f'"{mark}"' if pattern.quote else mark).encode()]
            counts[pattern.kind] += 1
            position = end
        return b"".join([*pieces, data[position:]]), counts

    def _next(self, data: bytes, position: int) -> tuple[int, int, Pattern] | None:
        """Where the next secret is, and what found it."""
        while match := self._find.search(data, position):
            number = next(n for n in range(1, len(self._patterns) + 1) if match.start(n) >= 0)
            pattern = self._patterns[number - 1]
            start, end = match.span(number)
            if pattern.check is None or pattern.check(data[start:end].decode("utf-8", "replace")):
                if pattern.more and (rest := self._more[pattern.more].match(data, end)):
                    end = rest.end()
                return start, end, pattern
            # What failed as one kind may hold another.
            position = max(match.start() + 1, start - 1)
        return None

    def _redact_values(self, text: str) -> tuple[str, Counter[str]]:
        """JSON text whose structure a replacement would break: each string by what it says, each number as a whole."""
        counts: Counter[str] = Counter()

        def replace(match: re.Match[str]) -> str:
            token = match.group()
            is_string = token.startswith('"')
            value = json.loads(token) if is_string else token
            clean, found = self._redact(value.encode("utf-8", "surrogatepass"))
            if not found:
                return token
            counts.update(found)
            return json.dumps(clean.decode("utf-8", "surrogatepass"), ensure_ascii=token.isascii())

        return _JSON_TOKEN.sub(replace, text), counts


def _cut(data: bytes, spans: list[tuple[int, int]], kind: str) -> tuple[bytes, int]:
    """The text with a mark in the place of each span, and how many there are."""
    pieces, position = [], 0
    for start, end in spans:
        pieces += [data[position:start], f"[redacted:{kind}]".encode()]
        position = end
    return b"".join([*pieces, data[position:]]), len(spans)


def redact(text: str) -> tuple[str, Counter[str]]:
    """The text without its secrets by the usual rules, and how many of each kind there were."""
    return _usual().redact(text)


@lru_cache(maxsize=1)
def _usual() -> Redactor:
    return Redactor()


def _quick(patterns: Sequence[Pattern]) -> str:
    """A regex that matches wherever one of the patterns does, and that RE2 compiles and runs in half the time."""
    found = [_REPEATED.sub("", pattern.regex) for pattern in patterns]
    fronted = "|".join(regex.removeprefix(FRONT) for regex in found if regex.startswith(FRONT))
    return "|".join([f"{FRONT}(?:{fronted})", *(regex for regex in found if not regex.startswith(FRONT))])


def _compiled(regex: str, *, groups: bool = True) -> Any:
    options = re2.Options()
    options.never_capture = not groups
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    return re2.compile(regex.encode("latin-1"), options)


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True
