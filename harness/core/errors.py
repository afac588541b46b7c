"""Errors that the harness raises on purpose, with the exit code each one ends the command with.

    HarnessError
    ├── UsageError          what the user gave cannot be used (exit 2)
    ├── EnvironmentMissing  no browser, no benchmark files, no model endpoint (exit 3)
    └── AttemptError        one attempt could not be measured; it is recorded and the next goes on
        └── BrowserDown     no browser can be started here: no attempt can be measured as things stand

A message names the place and the remedy. Never printed from here.
"""

import errno
import traceback
from enum import StrEnum


class Cause(StrEnum):
    """Who ended an attempt that was not a measurement."""

    BROWSER_DIED = "browser_died"
    TIME_LIMIT = "time_limit"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_ERROR = "model_error"
    ENVIRONMENT_ERROR = "environment_error"
    GRADING_FAILED = "grading_failed"
    HARNESS_CRASHED = "harness_crashed"


class HarnessError(Exception):
    """Base; `str(error)` is the sentence that the user reads."""

    exit_code = 2


class UsageError(HarnessError):
    """A file, option, key or id that the user gave cannot be used."""


class EnvironmentMissing(HarnessError):
    """The machine lacks something that this command needs."""

    exit_code = 3


class AttemptError(HarnessError):
    """This attempt cannot be measured, for a reason that is not the agent's."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class BrowserDown(AttemptError):
    """No browser can be started: not this attempt's affair alone."""

    def __init__(self, message: str) -> None:
        super().__init__(Cause.BROWSER_DIED, message)


# What a disk says that takes no more: full, over its quota, over a limit on file sizes, mounted for reading only.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_LONGEST_TRACEBACK = 20_000


def cannot_write(error: OSError) -> EnvironmentMissing:
    """The sentence for a file that cannot be written."""
    return EnvironmentMissing(
        f"{error.filename} cannot be written: {error.strerror}; finished attempts are kept, so mend that and run the "
        "same command again"
    )


def no_room(error: BaseException) -> EnvironmentMissing | None:
    """That sentence for an error that says that the disk takes no more, which no next attempt can mend; else None."""
    return cannot_write(error) if isinstance(error, OSError) and error.errno in _NO_ROOM else None


def traceback_of(error: BaseException) -> str:
    """Where an error arose, with the error behind it even where the message to the user leaves that out."""
    found = traceback.TracebackException.from_exception(error)
    inner = error.__context__
    parts = (
        [traceback_of(inner)] if inner is not None and error.__suppress_context__ and error.__cause__ is None else []
    )
    return "".join([*parts, *found.format()])[-_LONGEST_TRACEBACK:]
