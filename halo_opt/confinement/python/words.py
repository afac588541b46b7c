"""Sentences and cuts that both ways of confining share, so that the model reads the same words from each."""

# Around an error's message stand lines of the cell and advice, which must not be what is cut off.
ERROR_ROOM = 3_000


def lost(what: str, instead: str) -> str:
    """The error of a cell whose process had to end."""
    return (
        f"SandboxEnded: {what}, so all variables are lost and the next cell starts afresh. "
        f"Instead, {instead}; define again what you still need."
    )


def shown(text: str, cut: int, most: int) -> str:
    """At most `most` characters, and how many are missing; `cut` were missing before."""
    missing = max(0, len(text) - most) + cut
    return f"{text[:most]}\n[{missing:,} more characters were cut off; print less]" if missing else text
