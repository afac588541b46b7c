"""The command line: `python -m harness VERB [options]`. A verb parses, calls and prints; nothing here decides anything."""

from harness.cli.app import main

__all__ = ["main"]
