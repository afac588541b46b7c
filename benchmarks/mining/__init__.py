"""Whether mining finds what is there, and nothing else: `python -m benchmarks.mining`."""
