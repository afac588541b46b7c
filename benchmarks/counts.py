"""Whether readers count what real files hold: each is counted by halo-opt, and by a few lines of plain JSON.

    python -m benchmarks.counts DATA        # a folder with tau-bench .jsonl and InterCode .json files

The plain counts (`plain_counts.py`) import nothing of halo-opt. The tau-bench runs are also written in other layouts
(chat messages in one file, in a file an attempt, every file twice; OTLP JSON in rotated files), whose counts must be
those of the originals.
Where their libraries are installed, an Inspect log and spans of the OpenTelemetry SDK are counted too.
Ends with exit code 1 when a count differs.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.library_logs import inspect_log, otel_spans
from benchmarks.plain_counts import Counts, chat_lines, intercode, otlp_lines, tau_bench
from halo_opt.store import Store, build_store


def counted_by_halo_opt(paths: list[Path], folder: Path) -> tuple[Counts, set[str]]:
    """The counts of the store of these paths, and the formats that were recognised."""
    store_path = folder / "counts.duckdb"
    build_store(paths, store_path)
    with Store.open(store_path) as store:
        [row] = store.rows(
            "SELECT count(*), count(DISTINCT task_id), count(*) FILTER (outcome = 'success'),"
            " count(*) FILTER (outcome = 'failure'), sum(steps)::BIGINT, (SELECT count(*) FROM tool_calls)"
            " FROM attempts"
        )
        formats = {str(name) for (name,) in store.rows("SELECT DISTINCT format FROM runs")}
    store_path.unlink()
    return Counts(*row), formats


def layouts(path: Path, folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """The runs of a tau-bench file in other layouts: a name, and the paths."""
    runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = chat_lines(runs)
    one = folder / "chat.jsonl"
    one.write_text("\n".join(lines) + "\n", encoding="utf-8")
    yield "chat, one file", [one]
    many = folder / "chat-files"
    many.mkdir()
    for number, line in enumerate(lines):
        (many / f"attempt-{number:04}.json").write_text(line, encoding="utf-8")
    yield "chat, a file an attempt", [many]
    twice = folder / "chat-twice"
    twice.mkdir()
    shutil.copy(one, twice / "a.jsonl")
    shutil.copy(one, twice / "copy of a.jsonl")
    yield "chat, the file and a copy", [twice]
    rotated = folder / "otlp"
    rotated.mkdir()
    spans = list(otlp_lines(runs))
    for number in range(5):
        part = spans[number * len(spans) // 5 : (number + 1) * len(spans) // 5]
        (rotated / f"traces-{number}.jsonl").write_text("\n".join(part) + "\n", encoding="utf-8")
    yield "OTLP, five rotated files", [rotated]


def sources(data: Path, folder: Path) -> Iterator[tuple[str, list[Path], Counts]]:
    """Every source to count: a name, its paths and its plain counts."""
    plain: dict[str, Callable[[Path], Counts]] = {"*.jsonl": tau_bench, "ic_*.json": intercode}
    for pattern, count in plain.items():
        for path in sorted(data.rglob(pattern)):
            wanted = count(path)
            yield path.name, [path], wanted
            if count is tau_bench:
                for name, paths in layouts(path, folder):
                    yield name, paths, wanted


def library_logs(folder: Path) -> Iterator[tuple[str, list[Path], Counts]]:
    """Logs that other libraries write, as far as these are installed."""
    writers: dict[str, Callable[[Path], Counts]] = {
        "Inspect .eval, written by inspect-ai": lambda place: inspect_log(place, "eval"),
        "Inspect .json, written by inspect-ai": lambda place: inspect_log(place, "json"),
        "OTLP JSON in rotated files, written by opentelemetry-sdk": otel_spans,
    }
    for number, (name, write) in enumerate(writers.items()):
        place = folder / f"library-{number}"
        place.mkdir()
        try:
            wanted = write(place)
        except ImportError as error:
            print(f"{name}: not counted, {error.name} is not installed", file=sys.stderr)
        else:
            yield name, [place], wanted


def main() -> int:
    """Print the table; 1 when a count differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder with tau-bench .jsonl and InterCode .json files")
    data = parser.parse_args().data
    different = 0
    columns = [*Counts._fields]
    print(f"| source | read as | {' | '.join(columns)} | result |\n|{' --- |' * (len(columns) + 3)}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, paths, wanted in (*sources(data, folder), *library_logs(folder)):
            found, formats = counted_by_halo_opt(paths, folder)
            wrong = [field for field in columns if getattr(found, field) != getattr(wanted, field)]
            cells = [
                f"{getattr(found, field)}" + (f" (plain: {getattr(wanted, field)})" if field in wrong else "")
                for field in columns
            ]
            different += bool(wrong)
            print(
                f"| {name} | {', '.join(sorted(formats))} | {' | '.join(cells)} | {'differs' if wrong else 'equal'} |"
            )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
