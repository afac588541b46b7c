"""SQL from a model or from a report of unknown origin: read, judged, and run in a confined child process."""
