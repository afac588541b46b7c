"""The command line: `python -m harness VERB [options]`. A verb parses, calls and prints; it decides nothing."""

from harness.cli.app import main

__all__ = ["main"]
