"""Attempts of a harness: running them, comparing them, and deciding on a patch by them."""
