"""Child processes, each with a browser of its own, and the supervisor that gives them attempts."""
