"""The only writer of the command line: data on stdout, words and progress on stderr."""

import sys
from collections.abc import Iterable


def out(line: str) -> None:
    """One line of data."""
    sys.stdout.write(line + "\n")


def out_all(lines: Iterable[str]) -> None:
    """Several lines of data."""
    for line in lines:
        out(line)


def log(line: str) -> None:
    """One line for whoever watches."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
