"""The errors that the harness raises on purpose."""
