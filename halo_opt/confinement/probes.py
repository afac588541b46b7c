"""Probes: harmless attempts at what a confined process must not be able to do; each one has to fail.

The child runs them on itself after it confined itself, so that a protection which does not work on this machine is
noticed before code of others runs.
"""

import _thread
import ctypes
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping

# Read at import: once confined, the process cannot ask for it.
_MACHINE = os.uname().machine
_PTRACE = {"x86_64": 101, "aarch64": 117}
_IO_URING_SETUP, _PEEK, _EXECUTABLE_MEMORY = 425, 1, 7
_REFUSALS = (OSError, ValueError, RuntimeError)


def succeeded(probes: Mapping[str, Callable[[], object]]) -> list[str]:
    """The names of the probes that did not fail."""
    through = []
    for name, probe in probes.items():
        try:
            probe()
        except _REFUSALS:
            continue
        through.append(name)
    return through


def _system_call(number: int, *arguments: int) -> None:
    """Make a call that does nothing; an error other than a refusal means that the kernel looked at its arguments."""
    kernel = ctypes.CDLL(None, use_errno=True)
    failed = kernel.syscall(number, *(ctypes.c_long(argument) for argument in arguments)) < 0
    if failed and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
        raise OSError(ctypes.get_errno(), "refused")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _socket(family: int) -> None:
    socket.socket(family, socket.SOCK_STREAM).close()


def _executable_memory() -> None:
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.mmap.restype = ctypes.c_void_p
    place = kernel.mmap(None, ctypes.c_size_t(4096), _EXECUTABLE_MEMORY, 0x22, -1, ctypes.c_long(0))
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "refused")


# What Landlock alone has to stop; run before seccomp, which would stop it, too.
FILE_PROBES: dict[str, Callable[[], object]] = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "read this program": lambda: os.open(sys.executable, os.O_RDONLY),
    "read the environment": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "list a folder": lambda: os.listdir("/"),  # noqa: PTH208
    "write a file": lambda: os.open("/dev/null", os.O_WRONLY),
}

ALL_PROBES: dict[str, Callable[[], object]] = {
    **FILE_PROBES,
    "ask about a file": lambda: os.stat("/"),  # noqa: PTH116
    "open a network socket": lambda: _socket(socket.AF_INET),
    "open a local socket": lambda: _socket(socket.AF_UNIX),
    "start a process": _fork,
    "start a thread": lambda: _thread.start_new_thread(lambda: None, ()),
    "run a program": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "use ptrace": lambda: _system_call(_PTRACE[_MACHINE], _PEEK, os.getppid(), 0, 0),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
    "set up io_uring": lambda: _system_call(_IO_URING_SETUP, 1, 0),
    "make memory executable": _executable_memory,
}
