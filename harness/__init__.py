"""A browser agent as a program with a command line: the harness that halo-opt optimizes. README.md describes it."""
