"""The command line: `halo-opt VERB WHAT [options]`. Each verb parses, calls, prints; nothing here decides anything.

Data goes to stdout, words to stderr, and the exit code comes from one table (see halo_opt.core.errors).
"""

from halo_opt.cli.app import main

__all__ = ["main"]
