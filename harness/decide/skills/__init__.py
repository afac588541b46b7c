"""Macro skills: routines of several steps, run one step at a time."""
