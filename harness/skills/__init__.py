"""Macro skills: known routines of several steps, run one step at a time. Never act and never call a model."""
