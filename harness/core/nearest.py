"""The nearest valid word to a mistyped one, for error messages. Pure."""

import difflib
from collections.abc import Iterable


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word most like `word`, or None where nothing is like it."""
    close = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return close[0] if close else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A sentence that names the nearest valid word, or lists a few when none is near."""
    known = sorted(valid)
    close = nearest(word, known)
    if close:
        return f"the nearest is '{close}'"
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known are: {listed}"
