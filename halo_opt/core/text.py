"""Text helpers that every room shares: making text safe to print, and counts and durations in words."""

import json
import re
from collections.abc import Sequence

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)"  # OSC and other strings: window titles, links, clipboard
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
# C0 but tab and newline, DEL, C1, soft hyphen, line separators, bidirectional overrides, zero-width and annotation
# characters, lone surrogates, and the plane of tags and variation selectors, in which whole sentences can be hidden.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    """Text without escape sequences and control, bidirectional or invisible characters; tabs and newlines stay."""
    return _HIDDEN.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n")))


def visible(text: str) -> str:
    """The same text with every hidden character spelled out, as in `\\u202e`: for pages and files that people read."""
    return _HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], text.replace("\r\n", "\n"))


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are: `a, b and 18 more`; the last of a whole list follows `and`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, one: str, many: str = "") -> str:
    """So many of a thing: `1 call`, `1,200 calls`; `many` where it does not end in s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
