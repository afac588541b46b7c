"""Result lines: one for each finished attempt, appended so that several processes may write the same file."""

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
    """One finished attempt. `score` is from 0 to 1; None for an error, which was not a measurement."""

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
    """Why an attempt was not a measurement: a message, and the traceback where an exception was the cause."""

    model_config = ConfigDict(frozen=True)

    message: str
    traceback: str | None = None


def append_line(path: Path, data: dict[str, Any]) -> None:
    """Append one line with one write. An unfinished last line, left by a crash, is ended with a newline first.

    Writers wait for each other. A lone surrogate, which pages and models can produce, becomes a question mark.

    Raises:
        OSError: The line could not be written whole. It carries the file's name.
    """
    try:
        _append(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _append(path: Path, data: dict[str, Any]) -> None:
    line = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # released on close, and when the process ends
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
