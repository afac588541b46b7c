"""Trace files on disk: finding, opening, and reading them line by line."""
