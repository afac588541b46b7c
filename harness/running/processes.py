"""Ends a process with everything below it. Needs no package; reads /proc where there is one, else asks `ps`.

Chromium is started by a helper in a session of its own, so ending a process group would leave it behind.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def _parents() -> dict[int, int]:
    """Parent of every process."""
    out: dict[int, int] = {}
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        for folder in proc.iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    # The command stands in brackets and may hold anything; the fields after the last one are plain.
                    fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
                    out[int(folder.name)] = int(fields[1])
        return out
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        pid, ppid = line.split()
        out[int(pid)] = int(ppid)
    return out


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, nearest first."""
    parents = _parents()
    found: list[int] = []
    layer = [pid]
    while layer:
        layer = [p for p, parent in parents.items() if parent in layer]
        found += layer
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def kill_tree(pid: int, *, itself: bool = True) -> None:
    """End everything below `pid` at once, and `pid` too. Processes that are gone already are no error."""
    below = descendants(pid)
    if itself:
        _kill(pid)
    for one in below:
        _kill(one)
