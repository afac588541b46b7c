"""What confines a child process of halo-opt that works for somebody else: kernel walls, limits, and probes of them.

The child calls these on itself, before it sees anything of what it works on, and cannot undo them. Only the standard
library is imported, so that a child starts fast. Nothing here decides what is confined, and nothing pretends: where
the kernel has no such wall, the answer says so.
"""
