"""The command line: `python -m harness VERB [options]`."""

from harness.cli.app import main

__all__ = ["main"]
