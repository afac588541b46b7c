"""Secrets of a known shape that do not stand in a text as they are: written in base64, or broken by lines or spaces."""

import base64
import re
from collections.abc import Callable, Iterator

# How what is looked for in base64 begins, long enough to be rare by chance in an encoded picture.
_WORDS = """
    ghp_ gho_ ghs_ ghu_ github_pat_ glpat- AKIA ASIA AIza npm_ hf_ xoxb- xoxp- sk-ant- sk-proj- sk_live_ rk_live_
    pypi-Ag eyJhbGciOi password PASSWORD aws_secret _TOKEN= Authorization:
"""
_BEGINNINGS = (b"-----BEGIN ", *(word.encode() for word in _WORDS.split()))
# Before the token, its beginning, and how many characters follow: exactly so many, or at least.
_TOKENS = {
    r"gh[oprsu]_": (36, True), r"A[KS]IA": (16, True), r"AIza": (35, True), r"npm_": (36, True), r"hf_": (34, True),
    r"glpat-": (20, True), r"[rs]k_live_": (24, False), r"sk-proj-": (40, False), r"sk-ant-": (60, False),
    r"xox[bp]-": (30, False), r"github_pat_": (60, False), r"pypi-Ag": (60, False),
}  # fmt: skip
# The end of a line, also of one that goes on, the end of one string and the beginning of the next, or a space.
_SEPARATOR = r"(?:[ \t]*\\?(?:\r?\n|\\+[nr])[ \t]*|\\*[\"'][ \t]*\+?[ \t]*(?:\r?\n[ \t]*)?\\*[\"']|[ ]{1,2})"
_LINE = re.compile(rb"[ \t]*(?:\r?\n|\\+[nr])[ \t]*")
_RUN = re.compile(rb"[0-9A-Za-z+/_-]{16,}(?:[ \t]*(?:\r?\n|\\+[nr])[ \t]*[0-9A-Za-z+/_-]{16,})*={0,2}")
_BROKEN = re.compile(
    rf"(?:^|(?<=[^0-9A-Za-z]))(?:{'|'.join(f'(?P<k{n}>{token})' for n, token in enumerate(_TOKENS))})".encode()
)
_PIECE = re.compile(rb"[0-9A-Za-z_-]+")
_BETWEEN = re.compile(_SEPARATOR.encode())
_LONGEST = 2_000_000
_MOST_PIECES = 40


def _in_base64(text: bytes) -> Iterator[str]:
    """How base64 shows a text, without the characters at both ends that its neighbours share."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        yield encoded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6].decode()


# Three characters would be found in every encoded picture.
_PARTS = {part for text in _BEGINNINGS for part in _in_base64(text) if len(part) > 3}
_ENCODED = "|".join(sorted(map(re.escape, _PARTS)))
_FRAGMENT = re.compile(_ENCODED.encode())
# RE2 for a quick look whether there may be any of them.
QUICK = rf"{_ENCODED}|(?:{'|'.join(_TOKENS)})[0-9A-Za-z_-]*{_SEPARATOR}[0-9A-Za-z_-]{{2}}"


def encoded(data: bytes, holds: Callable[[bytes], bool]) -> Iterator[tuple[int, int]]:
    """The places of base64 that says something that `holds` a secret."""
    for run in _RUN.finditer(data):
        text = run.group()
        if len(text) <= _LONGEST and _FRAGMENT.search(text) and any(map(holds, _decodings(_LINE.sub(b"", text)))):
            yield run.span()


def _decodings(text: bytes) -> Iterator[bytes]:
    """What the text may say: it may begin with characters of what stands before it."""
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for start in range(4):
        part = plain[start:]
        whole = len(part) if len(part) % 4 != 1 else len(part) - 1
        yield base64.b64decode(part[:whole] + b"=" * (-whole % 4))


def broken(data: bytes) -> Iterator[tuple[int, int]]:
    """The places of tokens that lines or spaces break into pieces, each of which looks random."""
    position = 0
    sizes = list(_TOKENS.values())
    while start := _BROKEN.search(data, position):
        length, exact = next(sizes[int(name[1:])] for name, found in start.groupdict().items() if found)
        end = _end_of(data, start.end(), length, exact=exact)
        if end is not None:
            yield start.start(), end
        position = end or start.end()


def _end_of(data: bytes, position: int, length: int, *, exact: bool) -> int | None:
    """Where a token ends whose beginning ends at `position`; None where it is not broken, or no token."""
    total, pieces, end = 0, 0, position
    while pieces < _MOST_PIECES and not (exact and total >= length):
        piece = _PIECE.match(data, position)
        text = piece.group() if piece else b""
        if piece is None and pieces == 0:
            text = b""
        elif not _looks_random(text) or (pieces and _BROKEN.match(data, position)):
            break
        total, pieces, end = total + len(text), pieces + 1, position + len(text)
        between = _BETWEEN.match(data, end)
        if between is None:
            break
        position = between.end()
    enough = total == length if exact else total >= length
    return end if enough and pieces > 1 else None


def _looks_random(piece: bytes) -> bool:
    text = piece.decode("ascii", "replace")
    kinds = (any(c.isdigit() for c in text), any(c.islower() for c in text), any(c.isupper() for c in text))
    return sum(kinds) > 1 and (kinds[0] or len(text) > 3)
