"""Measuring one child process from outside: CPU and memory of it and everything it starts. Linux alone.

Workers that outlive their parent (a fork server does) would escape `wait`; this process adopts them, so their CPU
counts too. Measure one child at a time, and keep this process small: Linux counts the memory that it has when it
starts a child as the child's own peak.
"""

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_PR_SET_CHILD_SUBREAPER = 36
# Often enough to see a buffer of a batch, seldom enough to cost a percent of a core.
_LOOK_EVERY = 0.05
_WAIT = 0.002


class Measured(NamedTuple):
    """Seconds and megabytes of a child, and what it said of itself. `cpu` is without what it spent on imports."""

    wall: float
    cpu: float
    peak_mb: float
    open_wall: float
    open_cpu: float
    process_wall: float
    answer: dict[str, Any]
    missing: str | None = None


def measure(command: Sequence[str], cwd: Path) -> Measured:
    """Run one child of `child.report` to its end. Raises SystemExit with its words when it fails."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("this system cannot adopt a child's workers, so their CPU cannot be counted; use Linux")
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        cpu, peak, status = _watch(child.pid)
        # Its end was seen by `_watch`, so Popen must not wait for it again.
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - start
        output, complaint = (
            pipe.read().decode("utf-8", "replace") if pipe else "" for pipe in (child.stdout, child.stderr)
        )
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{complaint.strip()[-2000:]}")
    answer = json.loads(output.splitlines()[-1])
    if "missing" in answer:
        return Measured(0, 0, 0, 0, 0, took, {}, answer["missing"])
    spent = (cpu - answer["cpu_before"] - answer["open_cpu"]) / answer["pieces"]
    return Measured(answer["wall"], spent, peak, answer["open_wall"], answer["open_cpu"], took, answer["answer"])


def _watch(pid: int) -> tuple[float, float, int]:
    """(CPU seconds, peak MB, exit status) once the child and all that it started are gone."""
    cpu, largest, together, status, look = 0.0, 0.0, 0.0, 0, 0.0
    while True:
        try:
            gone, code, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu, max(largest, together), status
        if gone:
            cpu += used.ru_utime + used.ru_stime
            largest = max(largest, used.ru_maxrss / 1024)
            status = code if gone == pid else status
            continue
        now = time.perf_counter()
        if now >= look:
            look = now + _LOOK_EVERY
            together = max(together, _together())
        time.sleep(_WAIT)


def _together() -> float:
    """Megabytes of all processes below this one, shared pages counted once."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    below, waiting = 0.0, [os.getpid()]
    while waiting:
        above = waiting.pop()
        for pid in [p for p, parent in parents.items() if parent == above]:
            waiting.append(pid)
            below += _pss(pid)
    return below


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
