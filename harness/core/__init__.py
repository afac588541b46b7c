"""Errors with their exit codes, and the nearest word to a mistyped one."""
