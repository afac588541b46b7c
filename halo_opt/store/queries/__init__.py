"""Queries of a store, one module each: functions of an opened store that return frozen records.

They read `runs`, `attempts`, `spans`, `scores`, `rejects` and the trace files, and the conversation tables only for
formats whose spans have no place in a file.
"""
