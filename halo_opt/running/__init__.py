"""Runs the harness command over attempts. Knows the command's contract, never the harness's code."""
