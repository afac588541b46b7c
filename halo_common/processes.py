"""Ends processes with everything that they started."""

import contextlib
import os
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    """Kill these processes. One that is gone, or whose number another process has by now, is passed over."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()


def kill_tree(pid: int, *, itself: bool = True, group: bool = False) -> None:
    """Kill the process and everything below it.

    A process group alone would not do: Chromium is started in a session of its own.

    Args:
        pid: The process at the top; it may be gone already.
        itself: Whether it is killed too.
        group: Whether its process group, which it leads, is killed too: that reaches what outlived its parent.
    """
    tree = process_tree(pid)
    kill_all(tree if itself else tree[1:])
    if group:
        signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the process group that `pid` leads; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
