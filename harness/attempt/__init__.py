"""The loop of one attempt: observe, decide, act, check, record."""
