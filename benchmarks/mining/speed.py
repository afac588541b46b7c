"""How long mining takes and how much memory, from 1k to 100k attempts: each size in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.mining.attempts import Made, draw, real_attempts
from benchmarks.mining.injections import MODES
from halo_opt.mining.mine import mine_store


def measure(sizes: Sequence[int], runs: Path) -> list[dict[str, float]]:
    """CPU seconds, wall seconds and peak memory of mining alone, a dict a size."""
    found = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.mining.speed", str(size), str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def table(found: Sequence[dict[str, float]]) -> list[str]:
    """One row a size; the last column is what one attempt costs, which should stay the same."""
    lines = ["| attempts | steps | CPU s | wall s | peak MB | CPU ms an attempt |", "|" + " ---: |" * 6]
    for one in found:
        each = 1000 * one["cpu"] / one["attempts"]
        lines.append(
            f"| {one['attempts']:,.0f} | {one['steps']:,.0f} | {one['cpu']:.1f} | {one['wall']:.1f} |"
            f" {one['peak_mb']:.0f} | {each:.2f} |"
        )
    return lines


def main() -> None:
    """One size: build, then mine, and print one line of JSON."""
    size, runs = int(sys.argv[1]), Path(sys.argv[2])
    rng = np.random.default_rng(size)
    attempts = draw(real_attempts(runs), size, rng)
    for attempt in attempts:
        if rng.random() < (0.3 if attempt.failed else 0.1):
            MODES["retries a failed call unchanged"](attempt.steps, rng)
    steps = sum(len(attempt.steps) for attempt in attempts)
    store = Made(attempts)
    attempts.clear()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    mine_store(store, [], title="speed", made_at="2026-01-01T00:00:00+00:00")
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.perf_counter() - start
    print(json.dumps({"attempts": size, "steps": steps, "cpu": cpu, "wall": wall, "peak_mb": after.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
