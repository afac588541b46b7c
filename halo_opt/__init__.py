"""halo-opt: finds why an AI agent fails across many runs, patches its harness, and proves the gain."""

__version__ = "0.1.0"
