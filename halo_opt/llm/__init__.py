"""Everything that talks to a language model: which one, where it is served, what a call costs.

Importing this package loads no model library and opens no connection.
"""
