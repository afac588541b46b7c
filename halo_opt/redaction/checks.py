"""Whether what a pattern found is meant to be secret: a name, a placeholder or a piece of code is not. Pure."""

import base64
import math
import re
from collections import Counter

_RUN = re.compile(r"[0-9A-Za-z]+")
_PLACEHOLDER = re.compile(r"[x*.#-]+|(?:your|example|dummy|fake|changeme|placeholder)\b.*", re.I)
# `PWD=/home/me` is where a shell is.
_PATH = re.compile(r"[.~]?/|[a-z]+://", re.IGNORECASE)
_OTHER_WORDS = """
    "" account admin any array authentication blank bool boolean bytes cannot changed char check compat confirm
    confirmation credentials current default disabled email empty enabled encrypted enter example expired expires
    failed failure false field file files forgot forgotten form hashed hidden incorrect input int integer invalid
    label login manager masked missing must mypassword name newpassword number object oldpassword optional passed
    passwords plain plaintext please policies policy prompt required reset root secrets secretstr should skipped
    stdin str string strong success systemd text tokens true type undefined unknown unset update user userid
    username valid value values varchar verify weak wrong yourpassword
"""
_WORDS_FOR_IT = {"password", "passwd", "pass", "pwd", "secret", "token", "none", "null", "string", "redacted"}
# What stands behind "password" in schemas, forms, help texts, error messages and code, and is no password.
_NOT_A_VALUE = _WORDS_FOR_IT.union(_OTHER_WORDS.split())
# `self.password`, `db_password`, `user.pass_word`: a name in a program.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z][A-Za-z0-9]*)+")
_SYMBOLS = frozenset("!@#$%^*?~+|")
# Fewer bits a character is a word, a number or a repetition: hex digits of a key have about 3.5, letters of it over 4.
_LEAST_BITS = 3.0


def has_random_run(text: str) -> bool:
    """16 letters and digits in a row, of both kinds: what `sk-loading-spinner-container` does not have."""
    return any(len(run) >= 16 and _mixed(run) for run in _RUN.findall(text))


def is_random(text: str) -> bool:
    """Letters and digits mixed, hardly repeating, and no mere place for a value."""
    if not is_no_placeholder(text) or not _mixed(text) or _bits(text) < _LEAST_BITS:
        return False
    # `module.name2.attribute` and `/usr/lib/x86_64` are made of short words; a key has a longer unbroken piece.
    return any(len(run) >= 10 and _mixed(run) for run in _RUN.findall(text)) or not re.search(r"[./:_-]", text)


def is_password(text: str) -> bool:
    """More than a word: with a digit or a symbol in it, and neither a call, a type nor a placeholder."""
    if not is_no_placeholder(text) or len(set(text)) < 4 or _PATH.match(text):
        return False
    return any(c in _SYMBOLS for c in text) or (any(c.isdigit() for c in text) and any(c.isalpha() for c in text))


def is_given(text: str) -> bool:
    """What stands where only a password can stand: any word or number that is no placeholder, name or type."""
    if not is_no_placeholder(text) or len(set(text)) < 3 or _PATH.match(text) or _NAME.fullmatch(text):
        return False
    return text.lower().strip(".,:;!?*_-") not in _NOT_A_VALUE


def is_encoded_login(text: str) -> bool:
    """Base64 of `user:password`."""
    try:
        said = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
    except ValueError:
        return False
    return said.isprintable() and 0 < said.find(":") < len(said) - 1


def is_no_placeholder(text: str) -> bool:
    """Not `$PASSWORD`, `%s`, `****`, `your-key-here` or the word password itself."""
    return text[0] not in "$%{<" and text.lower() not in _WORDS_FOR_IT and not _PLACEHOLDER.fullmatch(text)


def is_card_number(text: str) -> bool:
    """A length and beginning that card issuers use, and a right check digit (Luhn)."""
    digits = [int(c) for c in text if c.isdigit()]
    number = "".join(map(str, digits))
    if not _issued(number):
        return False
    doubled = [d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _issued(number: str) -> bool:
    two, four = int(number[:2]), int(number[:4])
    if number[0] == "4":
        return len(number) in (13, 16, 19)
    if two in (34, 37):
        return len(number) == 15
    return len(number) == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or two in (35, 65) or four == 6011)


def _mixed(text: str) -> bool:
    return any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


def _bits(text: str) -> float:
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
