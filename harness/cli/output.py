"""Writes the command line's output: data to stdout, messages and progress to stderr."""

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
    """One message line."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
