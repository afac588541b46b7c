"""Every error that halo-opt raises on purpose, and the exit code each one ends a command with.

    HaloError
    ├── NegativeAnswer       the command worked; the answer is no (a verify or check that failed)
    ├── InputError           what the user gave cannot be used
    │   └── ConfigError      ... in loop.yaml or another configuration file
    ├── EnvironmentMissing   something that the machine lacks: a browser, a model, a key, a server
    └── BudgetSpent          a limit that the user set was reached

A message names the place and the remedy.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a halo-opt process tells its shell."""

    DONE = 0
    NO = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUDGET = 4
    INTERRUPTED = 130


class HaloError(Exception):
    """Base of all deliberate errors; `str(error)` is the one sentence that the user reads."""

    exit_code: ExitCode = ExitCode.USAGE


class NegativeAnswer(HaloError):
    """The command did its work and the answer is no."""

    exit_code = ExitCode.NO


class InputError(HaloError):
    """A path, option, file or record that the user gave cannot be used."""


class ConfigError(InputError):
    """A configuration file holds something that cannot be used; the message names file, key and remedy."""


class EnvironmentMissing(HaloError):
    """The machine lacks something that this command needs."""

    exit_code = ExitCode.ENVIRONMENT


class BudgetSpent(HaloError):
    """A budget from loop.yaml or the command line is used up; what was done is kept."""

    exit_code = ExitCode.BUDGET
