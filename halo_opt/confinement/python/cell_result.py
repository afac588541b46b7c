"""The limits of a sandbox, the result of a cell, and the errors and texts that both backends share."""

from typing import Literal

from pydantic import Field

from halo_opt.core.errors import EnvironmentMissing
from halo_opt.core.records import Record

Kind = Literal["linux", "monty"]


class SandboxMissing(EnvironmentMissing):
    """This machine cannot confine a model's Python; the message says why and what to install."""


class ConfinementUnavailable(Exception):
    """One backend does not work on this machine; the message says why."""


class Limits(Record):
    """What the code of one sandbox may use."""

    seconds: float = Field(default=20.0, gt=0, description="wall clock of a cell, without its host calls; then stopped")
    grace: float = Field(default=3.0, gt=0, description="seconds after that until the process is killed")
    memory_bytes: int = Field(default=4 << 30, ge=1 << 28, description="address space, Python and numpy included")
    processor_seconds: int = Field(default=600, gt=0, description="processor time of all cells until a fresh start")
    host_calls: int = Field(default=50, ge=0, description="calls of host functions in one cell")
    output_chars: int = Field(default=20_000, gt=0, description="of the printed text, the value and the error, each")
    code_bytes: int = Field(default=100_000, gt=0, description="of a cell's code")
    message_bytes: int = Field(default=4 << 20, ge=1 << 16, description="of a host call's arguments or result, as JSON")


class CellResult(Record):
    """The result of one cell. Its texts are untrusted: the code chose every character of them."""

    stdout: str = Field(description="what it printed; a last line says how many characters were cut off, if any were")
    value: str | None = Field(description="repr of its last expression; None if that was no expression, or None itself")
    error: str | None = Field(description="the cell's own frames, the message, and what to do instead")
    seconds: float = Field(ge=0, description="wall clock, without the time that host functions took")
    state_lost: bool = Field(description="whether all variables are gone; the next cell starts afresh")
    host_calls: int = Field(ge=0, description="calls of host functions that were answered or refused")


# Characters that an error may have beyond the limit: lines of the cell and advice around its message must not be cut.
ERROR_CHARS = 3_000


def variables_lost_error(cause: str, remedy: str) -> str:
    """The error of a cell whose process had to end."""
    return (
        f"SandboxEnded: {cause}, so all variables are lost and the next cell starts afresh. "
        f"Instead, {remedy}; define again what you still need."
    )


def limited(text: str, cut: int, max_chars: int) -> str:
    """At most `max_chars` characters of a text, and how many are missing; `cut` were missing before."""
    missing = max(0, len(text) - max_chars) + cut
    if not missing:
        return text
    return f"{text[:max_chars]}\n[{missing:,} more characters were cut off; print less]"
