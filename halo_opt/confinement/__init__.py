"""Confining a child process of halo-opt that runs code of others: Landlock, seccomp, limits, and probes of them.

The child applies these to itself before it sees such code, and cannot undo them. Only the standard library is imported,
so that a child starts fast. Where the kernel lacks a protection, the functions here say so in their result.
"""
