"""One line per finished attempt, appended so that several processes may write the same file. Never rewrites it."""

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """One attempt to run: a line of the attempts file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    seed: int
    attempt: int = 0


class Result(BaseModel):
    """One finished attempt. `score` is None for an error: it was not a measurement, and never a zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    seed: int
    attempt: int
    trace_id: str
    outcome: str
    score: float | None
    cause: str | None
    steps: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    started_at: str
    ended_at: str


class ErrorDetails(BaseModel):
    """Why an attempt was not a measurement: a sentence, and where in the code, when there is such a place."""

    model_config = ConfigDict(frozen=True)

    message: str
    traceback: str | None = None


def append_line(path: Path, data: dict[str, Any]) -> None:
    """Append one whole line by one write; a torn last line of an earlier crash is closed off first.

    Writers wait for each other: one that looked at the end of the file while another writes would see a torn line.
    Half a character (a lone surrogate, which pages and models can produce) becomes a question mark. Raises OSError with
    the file's name, also when only a part found room: such a line is torn, never half counted.
    """
    try:
        _append(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _append(path: Path, data: dict[str, Any]) -> None:
    line = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # closing gives it back, and so does the end of a killed process
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
