"""Clients for language models: one file for each provider's format, retries, and costs."""
