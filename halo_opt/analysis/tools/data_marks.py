"""Words of traces, files and commits set apart from ours: between marks that such words cannot forge.

The mark is made from the very text that it encloses, so a text that holds its own mark would have to hold its own hash.
Never lets a control, bidirectional or invisible character through: these are spelled out.
"""

import hashlib

from halo_opt.core.text import visible


def fence(text: str) -> str:
    """The text between its marks, hidden characters spelled out."""
    shown = visible(text).rstrip("\n")
    mark = mark_of(shown)
    return f"<<<data {mark}\n{shown}\n{mark}>>>"


def mark_of(shown: str) -> str:
    """The mark of a text that is shown as it is: 16 hex digits, none of them in it."""
    mark = shown
    while mark in shown:
        mark = hashlib.sha256(mark.encode("utf-8", "replace")).hexdigest()[:16]
        shown = shown or " "
    return mark
