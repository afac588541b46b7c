"""After `kill -9` of halo-opt, the process that runs its SQL does not go on."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from halo_opt.store import build_store

TRACES = Path(__file__).parents[1] / "data" / "tau-bench"
SLOW = "SELECT count(*) FROM range(10000000) a, range(10000000) b"


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("busy_seconds", [0.0, 0.05, 0.5])
def test_no_sql_worker_outlives_a_killed_program(tmp_path, busy_seconds):
    build_store([TRACES], tmp_path / "s.duckdb")
    words = [sys.executable, "-m", "halo_opt", "sql", SLOW, "--store", str(tmp_path / "s.duckdb")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        seen = psutil.Process(program.pid)
        while not (workers := seen.children(recursive=True)):
            time.sleep(0.005)
        time.sleep(busy_seconds)
        program.kill()
    while any(alive(worker) for worker in workers):
        time.sleep(0.02)
