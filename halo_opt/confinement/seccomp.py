"""seccomp: the kernel refuses this process every system call that is not on a short list, for good.

The list names what is allowed, as the kernel has some 370 calls and gets new ones with each version: older lists of
forbidden calls missed io_uring, pidfd and the new mount calls. It holds what an interpreter needs that has imported all
its modules: memory, the descriptors that it has open, clocks, its own signals. No call on it takes a path, makes a
descriptor, starts a thread or process, or names another process.

A refused call fails with EPERM, so that code gets an error and goes on. The arguments of four calls are checked: `mmap`
and `mprotect` may not make memory executable, `fcntl` and `ioctl` may only read and mark. Calls in the ABI of another
architecture (32 bit, x32) have other numbers and end the process.

x86_64 and aarch64 only, through ctypes.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable

# Numbers of the two architectures in turn; None where one has no such call.
ALLOWED: dict[str, tuple[int, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
MMAP, MPROTECT, FCNTL, IOCTL = (9, 222), (10, 226), (72, 25), (16, 29)
_CLONE3 = (435, 435)
COUNT = len(ALLOWED) + len((MMAP, MPROTECT, FCNTL, IOCTL))
EXECUTABLE = 4
ASKING_FCNTL = (1, 2, 3)  # F_GETFD, F_SETFD, F_GETFL
ASKING_IOCTL = (0x5401, 0x5413, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONCLEX, FIOCLEX

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
ALLOW, KILL_PROCESS, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_SECCOMP = (317, 277)
_SET_FILTER, _ALL_THREADS, _NO_NEW_PRIVILEGES = 1, 1, 38


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def install() -> bool:
    """Install the filter for all threads of this process; False where the kernel has no seccomp."""
    machine = os.uname().machine if sys.platform == "linux" else ""
    if machine not in ARCHITECTURES or sys.byteorder != "little" or sys.maxsize < 2**32:
        return False
    code = program(machine)
    kernel = ctypes.CDLL(None, use_errno=True)
    given = _Program(len(code) // 8, code)
    kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call = _SECCOMP[ARCHITECTURES[machine][0]]
    return int(kernel.syscall(call, _SET_FILTER, _ALL_THREADS, ctypes.byref(given))) == 0


def program(machine: str) -> bytes:
    """The filter for one architecture as the kernel reads it: instructions of 8 bytes each."""
    column, architecture = ARCHITECTURES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, no=2),
        _step(_LOAD, _NUMBER),
        # x32 calls carry the name of x86_64 and have bit 30 set; no plain number is as high.
        _step(_AT_LEAST, _X32, no=1),
        _step(_RETURN, KILL_PROCESS),
    ]
    for numbers in ALLOWED.values():
        number = numbers[column]
        if number is not None:
            code += [_step(_EQUAL, number, no=1), _step(_RETURN, ALLOW)]
    # glibc tries clone3 first; told that there is no such call, it tries clone, which fails with EPERM.
    code += [_step(_EQUAL, _CLONE3[column], no=1), _step(_RETURN, FAIL | errno.ENOSYS)]
    for numbers in (MMAP, MPROTECT):
        code += _only(numbers[column], 2, [_step(_ANY_BIT, EXECUTABLE, yes=1)])
    for numbers, asking in ((FCNTL, ASKING_FCNTL), (IOCTL, ASKING_IOCTL)):
        last = len(asking) - 1
        tests = [_step(_EQUAL, what, yes=last - at, no=int(at == last)) for at, what in enumerate(asking)]
        code += _only(numbers[column], 1, tests)
    code.append(_step(_RETURN, FAIL | errno.EPERM))
    return b"".join(code)


def _only(number: int, argument: int, tests: Iterable[bytes]) -> list[bytes]:
    """Steps that allow one call when the tests of its argument fall through to the next step, and refuse it otherwise.

    The argument's low half decides: the kernel reads these arguments as 32 bit, or ignores the bits above.
    """
    inner = [_step(_LOAD, _ARGUMENTS + 8 * argument), *tests]
    inner += [_step(_RETURN, ALLOW), _step(_RETURN, FAIL | errno.EPERM)]
    return [_step(_EQUAL, number, no=len(inner)), *inner]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)
