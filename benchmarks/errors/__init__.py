"""How well errors are recognised in the results of calls."""
