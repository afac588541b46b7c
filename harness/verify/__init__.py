"""Checks around an action: before it, after it, and over the attempt. Never decides what to do instead."""
