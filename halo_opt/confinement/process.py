"""What a Linux child process gives up by itself: capabilities and resources."""

import contextlib
import ctypes
import resource
from pathlib import Path

_DUMPABLE, _DROP_FROM_BOUND, _NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 4, 24, 38, 47, 4
_CAPABILITY_VERSION, _CAPABILITIES = 0x20080522, 64


def drop_privileges() -> None:
    """Drop all capabilities and ways to gain one, and keep other processes of the user from reading this one's memory.

    The user stays: root without capabilities is an ordinary owner of root's files, which other walls must cover; as
    another user, the process could not be ended by a parent that has no right to signal that user's processes.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    kernel.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for capability in range(_CAPABILITIES):
        kernel.prctl(_DROP_FROM_BOUND, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    kernel.capset(header, (ctypes.c_uint32 * 6)())
    kernel.prctl(_DUMPABLE, 0, 0, 0, 0)


def limit(*, memory: int, processor: int) -> None:
    """Set limits that the kernel keeps: bytes of address space, seconds of processor time, no files, no processes.

    Where memory runs out all the same, the kernel is asked to end this process before any other.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        # The soft one ends a process with a signal that tells why, unless it ignores that.
        (resource.RLIMIT_CPU, processor, processor + 5),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 16, 16),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_SIGPENDING, 64, 64),
    ):
        before = resource.getrlimit(what)[1]
        most = hard if before == resource.RLIM_INFINITY else min(hard, before)
        resource.setrlimit(what, (min(soft, most), most))
