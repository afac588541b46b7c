"""Ends processes with everything that they started."""

import contextlib
import os
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

    import psutil


def process_tree(pid: int) -> "list[psutil.Process]":
    """The process and every process below it, parents first; empty when it is gone."""
    import psutil

    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_all(processes: "Iterable[psutil.Process]") -> None:
    """Kill these processes, this one last. One that is gone, or whose number is another's by now, is passed over."""
    import psutil

    own = os.getpid()
    for process in sorted(processes, key=lambda process: process.pid == own):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()


def kill_tree(pid: int, *, itself: bool = True) -> None:
    """Kill everything below the process, and the process too unless `itself` is false.

    To kill a process group would not do: Chromium is started in a session of its own.
    """
    tree = process_tree(pid)
    kill_all(tree if itself else tree[1:])


def kill_group_leader(process: "subprocess.Popen[Any]") -> None:
    """Kill a child that was started with `start_new_session`, everything below it and what its group still holds.

    The child may have ended already; it is waited for.
    """
    if process.poll() is None:
        kill_tree(process.pid)
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the process group that `pid` leads; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
