"""The store against the HALO engine on the same files: `python -m benchmarks.store_bench --sizes 1k 10k`.

Each operation runs in a fresh process, ours and the peer's in turn, one at a time. The files that it measured on are
afterwards as they were.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import peer
from benchmarks.make_traces import EXCERPT, SHAPES, count_of, trace_id
from benchmarks.measure import measure
from benchmarks.table import FLOORS, Raw, differences, rows_of, text_of

HERE = Path(__file__).parent
ROOT = HERE.parent
APPENDED = 10
SHOWN = 10
# Text of tool errors: a few traces in a hundred hold the first, about as many the second.
PATTERNS = {
    "regex": r"payment amount does not add up, total price is \d{4}",
    "iregex": r"(?i)NOT ENOUGH SEATS ON FLIGHT hat\d{3}",
    "search_one": r"(?i)\b(reservation|user) ids?\b",
}
# Reading contents has no peer and takes minutes on more.
CONTENTS_UP_TO = 1_000
OPERATIONS = ("ingest", "overview", "errors", "regex", "iregex", "show", "search_one")


class DataSet(NamedTuple):
    """A file to measure on, and what is appended to it."""

    name: str
    path: Path
    count: int
    more: Path


def main() -> None:
    """Make the data, measure, print the table, write everything."""
    options = _arguments()
    sides = {"ours": sys.executable}
    python = None if options.no_peer else peer.installed(options.venv)
    if python is not None:
        sides["peer"] = str(python)
    elif not options.no_peer:
        _say("the peer cannot be installed here, so only ours is measured")
    raws: list[Raw] = []
    start = _machine(sides)
    for shape in options.shapes:
        for count in options.sizes:
            data = _data(options, shape, count)
            raws.extend(_measured(data, sides, options.repeats, options.data / "work"))
    rows, remarks = rows_of(raws), differences(raws)
    facts = {"machine": start, "load_at_end": os.getloadavg(), "runs": options.runs.name, "repeats": options.repeats}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    results = {**facts, "rows": [row._asdict() for row in rows], "remarks": remarks, "raw": raws}
    options.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(text_of(rows, remarks))
    _say(f"written to {options.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=count_of, nargs="+", default=[1000], help="traces, such as 200, 1k, 10k, 100k")
    parser.add_argument("--shapes", choices=SHAPES, nargs="+", default=list(SHAPES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=EXCERPT, help="tau-bench runs that the traces are made from")
    parser.add_argument("--data", type=Path, default=HERE / ".data", help="where the traces go, and are kept")
    parser.add_argument("--venv", type=Path, default=HERE / ".venv-peer", help="the peer's own environment")
    parser.add_argument("--no-peer", action="store_true", help="measure ours and the floors alone")
    parser.add_argument("--out", type=Path, default=None, help="a JSON file; store_bench.json in --data by default")
    options = parser.parse_args()
    options.data, options.venv, options.runs = options.data.resolve(), options.venv.resolve(), options.runs.resolve()
    options.out = options.out or options.data / "store_bench.json"
    return options


def _data(options: argparse.Namespace, shape: str, count: int) -> DataSet:
    """The file, made when missing by a process of its own: see `measure` for why this one must stay small."""
    _say(f"making {count} {shape} traces, unless they are there")
    command = [sys.executable, "-m", "benchmarks.make_traces", "--runs", str(options.runs), "--shape", shape]
    command += ["--data", str(options.data)]
    made = []
    for numbers in (["--size", str(count)], ["--size", str(APPENDED), "--first", str(count)]):
        done = subprocess.run([*command, *numbers], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        made.append(Path(done.stdout.strip()))
    return DataSet(f"{shape} {count} ({made[0].stat().st_size / 1e6:.0f} MB)", made[0], count, made[1])


def _measured(data: DataSet, sides: dict[str, str], repeats: int, work: Path) -> Iterator[Raw]:
    """All operations, `repeats` times over; which side goes first changes with each repeat."""
    for repeat in range(repeats):
        order = list(sides) if repeat % 2 == 0 else list(reversed(sides))
        shutil.rmtree(work, ignore_errors=True)
        for side in order:
            (work / side).mkdir(parents=True)
        _read(data.path)
        jobs = [(operation, side) for operation in OPERATIONS for side in order]
        jobs += [(floor, "ours") for floor in FLOORS]
        for operation, side in jobs:
            yield _one(data, operation, side, sides[side], repeat=repeat, work=work)
        with _appended(data):
            for side in order:
                yield _one(data, "append", side, sides[side], repeat=repeat, work=work)
        if data.count <= CONTENTS_UP_TO:
            yield _one(data, "contents", "ours", sides["ours"], repeat=repeat, work=work)
    shutil.rmtree(work, ignore_errors=True)


def _one(data: DataSet, operation: str, side: str, python: str, *, repeat: int, work: Path) -> Raw:
    work_name = "regex" if operation == "iregex" else operation
    command = [python, "-m", f"benchmarks.{side}", work_name, str(data.path), str(work / side)]
    if operation in PATTERNS:
        command += ["--pattern", PATTERNS[operation]]
    if operation in ("show", "search_one"):
        places = {data.count * n // SHOWN for n in range(SHOWN)}
        command += ["--ids", *(trace_id(number) for number in sorted(places))]
    found = measure(command, ROOT)
    words = found.missing or f"{found.wall:.4g} s, {found.cpu:.4g} s CPU, {found.peak_mb:.0f} MB"
    _say(f"{data.name} {repeat + 1}: {operation} {side}: {words}")
    size = data.path.stat().st_size
    raw = {"data": data.name, "operation": operation, "side": side, "repeat": repeat, "jsonl_bytes": size}
    return raw | found._asdict()


@contextmanager
def _appended(data: DataSet) -> Iterator[None]:
    """The file with ten traces more, and afterwards as it was, times included."""
    before = data.path.stat()
    try:
        with data.path.open("ab") as file:
            file.write(data.more.read_bytes())
        yield
    finally:
        os.truncate(data.path, before.st_size)
        os.utime(data.path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _read(path: Path) -> None:
    """Bring the file into the page cache, so that the first to read it does not pay for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _machine(sides: dict[str, str]) -> dict[str, Any]:
    """What the numbers depend on."""
    processor = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo")}
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "processor": processor.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory) / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "commit": _commit(),
        "peer": f"halo-engine {peer.VERSION}" if "peer" in sides else None,
        "niceness": os.nice(0),
        "load_at_start": os.getloadavg(),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _lines(path: str) -> list[str]:
    return Path(path).read_text("utf-8", "replace").splitlines()


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
