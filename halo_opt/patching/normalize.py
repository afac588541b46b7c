"""Text as it is compared: look-alike characters folded into one, and what is written in another encoding decoded."""

import base64
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

# Letters of other alphabets that look like a Latin one, small or as a capital, after case and accents are folded.
_LOOK_ALIKES = {
    "a": "\u0430\u03b1\u0251\u1d00", "b": "\u0432\u03b2\u044c\u0184", "c": "\u0441\u03f2\u1d04",
    "d": "\u0501\u056a\u1d05", "e": "\u0435\u03b5\u04bd\u1d07", "f": "\u03dd\u0192", "g": "\u0261\u0581\u0262",
    "h": "\u043d\u04bb\u03b7\u0570\u029c", "i": "\u0456\u03b9\u0131\u0269\u026a\u04cf",
    "j": "\u0458\u03f3\u1d0a", "k": "\u043a\u03ba\u1d0b", "l": "\u029f\u2113", "m": "\u043c\u03bc\u1d0d",
    "n": "\u0578\u057c\u0274\u03bd", "o": "\u043e\u03bf\u0585\u1d0f", "p": "\u0440\u03c1\u1d18",
    "q": "\u051b\u0563", "r": "\u0433\u0280", "s": "\u0455\u057d", "t": "\u0442\u03c4\u1d1b",
    "u": "\u057d\u03c5\u1d1c", "v": "\u0475\u1d20", "w": "\u051d\u1d21\u03c9", "x": "\u0445\u03c7",
    "y": "\u0443\u04af\u028f\u03b3", "z": "\u0290\u1d22\u03b6",
}  # fmt: skip
_LATIN = str.maketrans({other: latin for latin, others in _LOOK_ALIKES.items() for other in others})
# Every hyphen, dash, minus and middle dot, as one hyphen.
_DASH = re.compile(
    "[\u00ad\u058a\u05be\u1400\u1806\u2010-\u2015\u2027\u2043\u207b\u208b\u2212\u2e3a\u2e3b\u30fb\u30a0]"
)
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}
_WORD = re.compile(r"[^\W\d_]+")
_UNICODE_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3}))"
)
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{8,}={0,2}")
_BASE32 = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
_HEX = re.compile(r"(?:(?:0x|\\x|=)?[0-9a-fA-F]{2}[\s,:;]{0,2}){5,}")
_CODES = re.compile(r"(?:\b[0-9]{2,3}\b[\s,;]{0,2}){5,}")
_BITS = re.compile(r"(?:\b[01]{7,8}\b[\s,;]{0,2}){5,}")
_ROUNDS = 3


def canonical(text: str) -> str:
    """Folded case, no accents or invisible characters; look-alikes as Latin letters, 0 to 9, and `-`."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(_digit(c) for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return _DASH.sub("-", kept).translate(_LATIN)


def _digit(character: str) -> str:
    """A decimal digit of any alphabet as 0 to 9; any other character as it is."""
    return character if character.isascii() or not character.isdecimal() else str(unicodedata.decimal(character))


def mixed_alphabets(text: str) -> str | None:
    """The first word whose letters come from several of the alphabets that look alike; None when there is none.

    A word of two letters is a unit or a name in a formula.
    """
    for match in _WORD.finditer(text):
        word = match.group()
        if (
            len(word) > 2
            and not word.isascii()
            and len(_ALPHABETS & {unicodedata.name(c, "").split(" ")[0] for c in word}) > 1
        ):
            return word
    return None


def decodings(text: str) -> list[str]:
    """The text itself and what it says once escapes, entities, percent signs, base64, base32 and hex are decoded.

    What was decoded is decoded again, a few times over.
    """
    found = {text: None}
    latest = [text]
    for _ in range(_ROUNDS):
        latest = [each for source in latest for each in _decoded(source) if each not in found]
        found.update(dict.fromkeys(latest))
    return list(found)


def disguises(text: str) -> list[str]:
    """What `decodings` gives, and each of it reversed and with its letters moved by 13 places."""
    plain = decodings(text)
    return [*plain, *(each[::-1] for each in plain), *(codecs.encode(each, "rot13") for each in plain)]


def _decoded(text: str) -> Iterator[str]:
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "\\" in text:
        yield _UNICODE_ESCAPE.sub(_character, text)
    encodings = (
        (_BASE64, _from_base64),
        (_BASE32, base64.b32decode),
        (_HEX, _from_hex),
        (_CODES, _from_codes),
        (_BITS, _from_bits),
    )
    for pattern, decode in encodings:
        # In its place, so that a name of which only a part is encoded is whole again.
        yield pattern.sub(lambda match, decode=decode: _said(match.group(), decode), text)  # type: ignore[misc]


def _said(encoded: str, decode: Callable[[str], bytes]) -> str:
    """What an encoded text says, itself where that is nothing that can be read. Its first characters may not count."""
    for start in range(4):
        try:
            said = decode(encoded[start:]).decode("utf-8")
        except ValueError:
            continue
        if len(said) > 3 and said.isprintable():
            return encoded[:start] + said
    return encoded


def _character(match: re.Match[str]) -> str:
    digits = next(group for group in match.groups() if group is not None)
    code = int(digits, 8 if match.group(5) else 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else match.group()


def _from_base64(text: str) -> bytes:
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _from_hex(text: str) -> bytes:
    return bytes.fromhex("".join(re.findall(r"[0-9a-fA-F]{2}", text.replace("0x", ""))))


def _from_codes(text: str) -> bytes:
    return bytes(map(int, re.findall("[0-9]+", text)))


def _from_bits(text: str) -> bytes:
    return bytes(int(bits, 2) for bits in re.findall("[01]+", text))
