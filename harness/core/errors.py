"""Errors that the harness raises on purpose, with the exit code each one ends the command with.

    HarnessError
    ├── UsageError          the user's input cannot be used (exit 2)
    ├── EnvironmentMissing  no browser, no benchmark files, no model endpoint (exit 3)
    └── AttemptError        one attempt could not be measured; it is recorded and the next one runs
        └── BrowserDown     no browser can be started, so no attempt can be measured

A message names the place and the remedy.
"""

import errno
import traceback
from enum import StrEnum


class Cause(StrEnum):
    """What ended an attempt that was not a measurement."""

    BROWSER_DIED = "browser_died"
    TIME_LIMIT = "time_limit"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_ERROR = "model_error"
    ENVIRONMENT_ERROR = "environment_error"
    GRADING_FAILED = "grading_failed"
    HARNESS_CRASHED = "harness_crashed"


class HarnessError(Exception):
    """Base of all; `str(error)` is the sentence that the user reads."""

    exit_code = 2


class UsageError(HarnessError):
    """A file, option, key or id that the user gave cannot be used."""


class EnvironmentMissing(HarnessError):
    """The machine lacks something that this command needs."""

    exit_code = 3


class AttemptError(HarnessError):
    """This attempt cannot be measured, for a reason outside the agent."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class BrowserDown(AttemptError):
    """No browser can be started, which affects every attempt."""

    def __init__(self, message: str) -> None:
        super().__init__(Cause.BROWSER_DIED, message)


# A disk that takes no more data: full, over its quota, over a file size limit, mounted read-only.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_LONGEST_TRACEBACK = 20_000


def cannot_write(error: OSError) -> EnvironmentMissing:
    """The error for a file that cannot be written."""
    return EnvironmentMissing(
        f"{error.filename} cannot be written: {error.strerror}; finished attempts are kept; make it writable, "
        "then run the same command again"
    )


def no_room(error: BaseException) -> EnvironmentMissing | None:
    """That error where `error` says that the disk takes no more data, which every attempt would meet; else None."""
    return cannot_write(error) if isinstance(error, OSError) and error.errno in _NO_ROOM else None


def traceback_of(error: BaseException) -> str:
    """The traceback of an error, with the error that caused it even where that was suppressed."""
    found = traceback.TracebackException.from_exception(error)
    inner = error.__context__
    parts = (
        [traceback_of(inner)] if inner is not None and error.__suppress_context__ and error.__cause__ is None else []
    )
    return "".join([*parts, *found.format()])[-_LONGEST_TRACEBACK:]
