"""Landlock: the kernel refuses this process files and connections from now on, for good.

Linux only, through ctypes, as Python has no call for it. This file imports nothing of halo_opt, as the store's child
process loads it by its path.
"""

import ctypes
import os
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH, _ASK_VERSION, _NO_NEW_PRIVILEGES = 1, 1, 38
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many kinds of file access each version of the kernel's interface can refuse.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS = 16


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def lock(readable: Iterable[str]) -> int:
    """Restrict this process to reading the given files and folders.

    From version 4 of the kernel's interface on, it can neither connect nor listen on TCP; from 6 on, it can reach no
    other process by signal or socket.

    Returns:
        The version of the interface; 0 where the kernel has no Landlock, and then nothing is restricted.
    """
    if sys.platform != "linux":
        return 0
    kernel = ctypes.CDLL(None, use_errno=True)
    version = int(kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))
    if version < 1:
        return 0
    rules = _Ruleset((1 << _FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)) - 1, 3 if version >= 4 else 0)
    rules.scopes = 3 if version >= 6 else 0
    # An older kernel knows fewer of the fields and refuses a longer structure.
    size = _structure_bytes(version)
    ruleset = int(kernel.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0))
    if ruleset < 0:
        return 0
    try:
        for path in readable:
            _allow(kernel, ruleset, path)
        kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return version if kernel.syscall(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _structure_bytes(version: int) -> int:
    if version >= 6:
        return 24
    return 16 if version >= 4 else 8


def _allow(kernel: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a missing file needs no right
    try:
        rights = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE  # noqa: PTH112
        rule = _Beneath(rights, place)
        kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
