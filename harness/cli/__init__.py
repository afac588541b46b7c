"""The command line: `python -m harness VERB [options]`. Each verb parses, calls, prints; nothing here decides anything."""

from harness.cli.app import main

__all__ = ["main"]
