"""What a measured child process does: prepare, note the time, work, say what came out. Standard library alone, because
it runs inside the peer's own environment too.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Opened = TypeVar("Opened")
Answer = dict[str, int]


class NotThere(Exception):
    """This side has no such operation; the row says so instead of a number."""


def arguments() -> argparse.Namespace:
    """What a child is asked for: the same words on every side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("operation")
    parser.add_argument("traces", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--pattern", default="")
    parser.add_argument("--ids", nargs="*", default=[])
    return parser.parse_args()


Works = Sequence[Callable[[Opened], Answer]]


def report(opening: Callable[[], Opened], works: Works[Opened] | NotThere) -> None:
    """Open, then do each piece of work, and print one JSON line: seconds of opening, the median of the pieces' seconds,
    their answers added up, and the CPU spent before it all, which is imports.

    The process ends here, without interpreter shutdown: taking modules apart is no part of the work.
    """
    before = _cpu()
    try:
        if isinstance(works, NotThere):
            raise works
        start = time.perf_counter()
        opened = opening()
        open_wall, open_cpu = time.perf_counter() - start, _cpu() - before
        walls: list[float] = []
        answer: Answer = {}
        for work in works:
            start = time.perf_counter()
            piece = work(opened)
            walls.append(time.perf_counter() - start)
            answer.update({name: answer.get(name, 0) + number for name, number in piece.items()})
    except NotThere as missing:
        report_line: dict[str, Any] = {"missing": str(missing)}
    else:
        report_line = {
            "cpu_before": before,
            "open_wall": open_wall,
            "open_cpu": open_cpu,
            "wall": statistics.median(walls),
            "pieces": len(walls),
            "answer": answer,
        }
    sys.stdout.write(json.dumps(report_line) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
