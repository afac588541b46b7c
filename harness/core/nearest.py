"""The nearest valid word to a mistyped one, for error messages."""

import difflib
from collections.abc import Iterable


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word most similar to `word`, or None where none is similar."""
    close = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return close[0] if close else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A clause that names the most similar valid word, or lists valid words where none is similar."""
    known = sorted(valid)
    close = nearest(word, known)
    if close:
        return f"the nearest is '{close}'"
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known are: {listed}"
