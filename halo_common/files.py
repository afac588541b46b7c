"""Appending to files that several processes write at the same time."""

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any


def append_json_line(path: Path, data: dict[str, Any]) -> None:
    """Append an object as one line of JSON; see `append_line`.

    Half a character (a lone surrogate, which pages and models can produce) becomes a question mark.
    """
    append_line(path, json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))


def append_line(path: Path, line: bytes) -> None:
    """Append one whole line by one write; a torn last line of an earlier crash is closed off first.

    Writers wait for each other: one that looked at the end of the file while another writes would see a torn line.
    Raises OSError with the file's name, also when only a part of the line could be written.
    """
    try:
        _append(path, line + b"\n")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _append(path: Path, line: bytes) -> None:
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
