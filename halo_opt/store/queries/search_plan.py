r"""The plan of a search: what a line's raw bytes must hold if its decoded text matches a pattern.

A search decodes only lines that hold a needle. Needles come from the literal text that every match must contain, in the
spellings that JSON allows for it: `\n` for a newline, `\u00f6` or UTF-8 for an umlaut. A producer may write even plain
letters as `\u0041`, so a line with such an escape is always decoded. Syntax that this module does not know gives no
needles, so every line is decoded. The pattern itself must be one that RE2 has accepted.
"""

import re
from typing import NamedTuple

SHORTEST = 3
MOST_NEEDLES = 8
MOST_GROUPS = 3
# A letter, digit, sign or short-named control character written as an escape.
_ESCAPED = (r"\\u00(?:[2-7]|0[89a-dA-D])",)
# Beyond ASCII, two characters match ASCII letters when case does not matter: the long s and the Kelvin sign.
_ESCAPED_FOLDED = (r"\\u(?:00(?:[2-7]|0[89a-dA-D])|017|212)", "\u017f", "\u212a")
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d+)(?:,(\d*))?\})\??")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|([a-zA-Z]*)(-[a-zA-Z]+)?(:|\)))")
_UNICODE_CLASS = re.compile(r"[pP](?:\{\^?\w+\}|\w)")
_HEX = re.compile(r"x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))")
_CLASS_NAME = re.compile(r"\[:\^?\w+:\]")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_SHORT = {"\n": r"\\n", "\t": r"\\t", "\r": r"\\r", "\f": r"\\f", '"': r"\\\"", "\\": r"\\\\", "/": r"\\*/"}

# Groups of texts: every match contains one text of each group. None where nothing is certain.
Required = tuple[tuple[str, ...], ...] | None


class _NoRoom:
    """What takes no room in a text: a boundary, a flag."""


_NO_ROOM = _NoRoom()
# One character, what a group requires, nothing certain, or no room.
Atom = str | Required | _NoRoom


class Plan(NamedTuple):
    """How a search skips lines that cannot match.

    `needles`: groups of raw patterns, one of each of which the bytes of every matching line hold, save lines that hold
    one of `always`, which may hide them; None to decode every line.
    `literal`: the text that all matches are (in small letters where case does not matter); None where they differ.
    `joined`: the pattern does not ask where a text begins or ends, so several texts may be searched as one.
    """

    needles: tuple[tuple[str, ...], ...] | None
    always: tuple[str, ...]
    literal: str | None
    joined: bool


class _Unsure(Exception):
    """Syntax that this module does not know."""


def plan(pattern: str, *, ignore_case: bool) -> Plan:
    """The plan for a pattern that RE2 accepts."""
    parser = _Parser(pattern, ignore_case)
    try:
        required = parser.alternatives()
        if parser.place != len(pattern):
            raise _Unsure
    except (_Unsure, IndexError, RecursionError):
        return Plan(None, (), None, joined=False)
    needles = _needles(required, folded=parser.folded)
    always = _ESCAPED_FOLDED if parser.folded and _folds_beyond_ascii(required) else _ESCAPED
    return Plan(needles, always, _literal(pattern, ignore_case), not parser.anchored)


def _literal(pattern: str, ignore_case: bool) -> str | None:
    """The pattern itself where it is plain text whose matches are equal, small letters aside."""
    if not pattern or any(not (c.isalnum() or c in " _") for c in pattern):
        return None
    if not ignore_case:
        return pattern
    return pattern.lower() if pattern.isascii() and not set(pattern.lower()) & set("ks") else None


def _needles(required: Required, *, folded: bool) -> tuple[tuple[str, ...], ...] | None:
    if required is None:
        return None
    flag = "(?i)" if folded else ""
    return tuple(_spelled_group(group, flag) for group in required)


def _spelled_group(group: tuple[str, ...], flag: str) -> tuple[str, ...]:
    return tuple(flag + "".join(map(_spelled, text)) for text in group)


def _folds_beyond_ascii(required: Required) -> bool:
    """Whether a needle has a letter that matches one beyond ASCII."""
    return any(letter in "ksKS" for group in required or () for text in group for letter in text)


def _spelled(character: str) -> str:
    """A raw pattern for one character of a text."""
    if character in _SHORT:
        return _SHORT[character]
    if character.isascii():
        return re.escape(character) if not character.isspace() else character
    units = character.encode("utf-16-be")
    escapes = "".join(rf"\\+u(?i:{units[n : n + 2].hex()})" for n in range(0, len(units), 2))
    return f"(?:{character}|{escapes})"


def _certain(character: str, *, folded: bool) -> bool:
    """Whether all spellings of a character are known."""
    if character == "?":
        return False  # half a surrogate pair, which no text can hold, is read as one
    if character.isascii():
        return character.isprintable() or character in _SHORT
    return not folded and not "\ud800" <= character <= "\udfff"


class _Parser:
    """One walk over a pattern: what it requires, and whether it asks where a text begins or ends."""

    def __init__(self, pattern: str, folded: bool) -> None:
        self.pattern = pattern
        self.place = 0
        self.folded = folded
        self.anchored = False

    def alternatives(self) -> Required:
        """`a|b|c`, to the end or the closing parenthesis."""
        branches = [self._sequence()]
        while self._peek() == "|":
            self._take(1)
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        either: dict[str, None] = {}
        for branch in branches:
            if branch is None:
                return None
            either.update(dict.fromkeys(branch[0]))
        return (tuple(either),) if len(either) <= MOST_NEEDLES else None

    def _sequence(self) -> Required:
        groups: list[tuple[str, ...]] = []
        run = ""
        while self._peek() not in ("", "|", ")"):
            atom = self._atom()
            least, most = self._repeated()
            if atom is _NO_ROOM:
                continue
            if isinstance(atom, str) and least and _certain(atom, folded=self.folded):
                run += atom
                if most == 1:
                    continue
            groups.append((run,))
            run = ""
            if isinstance(atom, tuple) and least:
                groups.extend(atom)
        return _best([*groups, (run,)])

    def _peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def _take(self, count: int) -> str:
        taken = self.pattern[self.place : self.place + count]
        if len(taken) < count:
            raise _Unsure
        self.place += count
        return taken

    def _repeated(self) -> tuple[int, int | None]:
        match = _QUANTIFIER.match(self.pattern, self.place)
        if match is None:
            return 1, 1
        self._take(match.end() - match.start())
        sign, low, _ = match.groups()
        if sign:
            return (1 if sign == "+" else 0), (1 if sign == "?" else None)
        return int(low), None

    def _atom(self) -> Atom:
        """The next thing that may be repeated."""
        character = self._peek()
        match character:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                self._take(1)
                return None
            case "^" | "$":
                self._take(1)
                self.anchored = True
                return _NO_ROOM
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise _Unsure
        return self._take(1)

    def _group(self) -> Atom:
        match = _GROUP.match(self.pattern, self.place)
        if self.pattern.startswith("(?", self.place) and match is None:
            raise _Unsure
        if match is None:
            self._take(1)
        else:
            self._take(match.end() - match.start())
            on, off, end = match.groups()
            # Treating case as not mattering is the weaker demand, so it is never switched off again.
            self.folded = self.folded or "i" in (on or "")
            if off and "i" in off:
                raise _Unsure
            if end == ")":
                return _NO_ROOM
        required = self.alternatives()
        self._take(1)
        return required

    def _class(self) -> Atom:
        self._take(1)
        if self._peek() == "^":
            self._take(1)
        first = True
        while first or self._peek() != "]":
            name = _CLASS_NAME.match(self.pattern, self.place)
            if name is not None:
                self._take(name.end() - name.start())
            elif self._peek() == "\\":
                self._take(2)
            else:
                self._take(1)
            first = False
        self._take(1)
        return None

    def _escape(self) -> Atom:
        name = self.pattern[self.place + 1]
        if name in "bB":
            self._take(2)
            return _NO_ROOM
        if name in "Az":
            self._take(2)
            self.anchored = True
            return _NO_ROOM
        if name in "dDsSwW":
            self._take(2)
            return None
        if name in _CONTROLS:
            self._take(2)
            return _CONTROLS[name]
        for known in (_UNICODE_CLASS, _HEX):
            match = known.match(self.pattern, self.place + 1)
            if match is not None:
                self._take(1 + match.end() - match.start())
                digits = None if known is _UNICODE_CLASS else match.group(1) or match.group(2)
                return chr(int(digits, 16)) if digits else None
        if name.isalnum() or not name.isascii():
            raise _Unsure
        self._take(2)
        return name


def _best(groups: list[tuple[str, ...]]) -> Required:
    """The groups that fewest lines meet, longest texts first, without those too short to be of use."""
    useful = {group for group in groups if min(map(len, group)) >= SHORTEST}
    ranked = sorted(useful, key=lambda group: (-min(map(len, group)), group))
    return tuple(ranked[:MOST_GROUPS]) or None
