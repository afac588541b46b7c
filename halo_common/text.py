"""Small helpers for messages: one line of somebody else's text, and the nearest valid word to a mistyped one."""

import difflib
from collections.abc import Iterable


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, with an ellipsis where it was cut."""
    plain = " ".join(text.split())
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def nearest(word: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The valid word most like `word`, None where none is at least `cutoff` (0 to 1) alike."""
    close = difflib.get_close_matches(word, list(valid), n=1, cutoff=cutoff)
    return close[0] if close else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A clause that names the nearest valid word, or lists the first twelve when none is near."""
    known = sorted(valid)
    close = nearest(word, known, cutoff=0.5)
    if close:
        return f"the nearest is '{close}'"
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known are: {listed}"
