r"""Texts as a person reads them: JSON in them without `\u` escapes, images in them as short placeholders.

The store does this to every text that it keeps, and `search` and `show` do it to texts that they read from trace files.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import re2

# How the base64 of an image begins: PNG, JPEG, GIF, WebP.
_BEGINNINGS = ("iVBORw0KGg", "/9j/", "R0lGOD", "UklGR")
_MARKS = ("\\u", ";base64,", *_BEGINNINGS)
_ANY_MARK = re2.compile("|".join(map(re.escape, _MARKS)).encode())
# Base64, also broken into lines, and with slashes escaped as some encoders do.
_LINE = r"[A-Za-z0-9+/]{20,}(?:\\+/[A-Za-z0-9+/]+)*"
_BREAK = r"(?:\r?\n|\\+r\\+n|\\+n)"
_RUN = rf"[A-Za-z0-9+/]+(?:\\+/[A-Za-z0-9+/]+)*(?:{_BREAK}{_LINE})*(?:{_BREAK}[A-Za-z0-9+/]{{1,19}}=)?={{0,2}}"
_IMAGE = re.compile(
    rf"data:image/[\w.+-]+(?:;[\w=.-]+)*;base64,({_RUN})|(?<![A-Za-z0-9+/=])((?:{'|'.join(_BEGINNINGS)}){_RUN})"
)
_LEAST_BYTES = 24
_SPACE = re.compile(r"\\+r\\+n|\\+n|\s|\\+(?=/)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Image(NamedTuple):
    """An image that was found in a text."""

    media_type: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The hash of its bytes, which is its name."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def placeholder(self) -> str:
        """What stands for it in a text."""
        return f"[{self.media_type} {len(self.data):,} bytes, sha256 {self.sha256[:8]}]"


def may_change(text: str) -> bool:
    """Whether `readable` may change a text; a quick look that most texts end with."""
    return any(mark in text for mark in _MARKS)


def may_change_in(data: bytes) -> bool:
    """The same for the bytes of many texts, also where these are encoded as JSON."""
    return _ANY_MARK.search(data) is not None


def readable(text: str, keep: Callable[[Image], None] | None = None) -> str:
    """A text with its images replaced by placeholders and with the escapes of its JSON decoded.

    Args:
        text: any text.
        keep: is given every image.
    """
    if not may_change(text):
        return text
    return _decoded(_without_images(text, keep))


def readable_values(value: Any, keep: Callable[[Image], None] | None = None) -> Any:
    """A JSON value with all texts in it `readable`; one that nests too deeply stays as it is."""
    try:
        return _walked(value, keep)
    except RecursionError:
        return value


def _walked(value: Any, keep: Callable[[Image], None] | None) -> Any:
    if isinstance(value, str):
        return readable(value, keep)
    if isinstance(value, dict):
        return {key: _walked(inner, keep) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, keep) for inner in value]
    return value


def _without_images(text: str, keep: Callable[[Image], None] | None) -> str:
    def placeholder(match: re.Match[str]) -> str:
        image = _image(match.group(1) or match.group(2))
        if image is None:
            return match.group()
        if keep is not None:
            keep(image)
        return image.placeholder

    return _IMAGE.sub(placeholder, text)


def _image(encoded: str) -> Image | None:
    """The image that some base64 holds; None where its bytes are no image."""
    plain = _SPACE.sub("", encoded).rstrip("=")
    if len(plain) % 4 == 1:
        plain = plain[:-1]  # one that a log has cut off
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return None
    kind = _media_type(data)
    return Image(kind, data) if kind is not None and len(data) >= _LEAST_BYTES else None


def _media_type(data: bytes) -> str | None:
    """The kind of an image by its first bytes; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"BM") and int.from_bytes(data[2:6], "little") == len(data):
        return "image/bmp"
    return "image/svg+xml" if data.lstrip().startswith((b"<svg", b"<?xml")) else None


def _decoded(text: str) -> str:
    """A text with the escapes of its JSON decoded: of all of it, else of each line, else from its first bracket on."""
    if "\\u" not in text:
        return text
    if _is_json(text):
        return _TOKEN.sub(_token, text)
    if "\n" in text:
        return "\n".join(map(_decoded, text.split("\n")))
    start = min((place for place in (text.find("{"), text.find("[")) if place > 0), default=0)
    return text[:start] + _TOKEN.sub(_token, text[start:]) if start and _is_json(text[start:]) else text


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def _token(match: re.Match[str]) -> str:
    """A string of JSON with its characters themselves; what UTF-8 cannot hold stays escaped."""
    token = match.group()
    if "\\u" not in token:
        return token
    value = _decoded(json.loads(token, strict=False))
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        return token
    return json.dumps(value, ensure_ascii=False)
