"""Make span files of any size from real tau-bench runs: `python -m benchmarks.make_traces --size 10k --shape lean`.

The same arguments make the same bytes, and trace n is the same in a file of any size. A file gets its name once it is
complete.
"""

import argparse
import hashlib
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.marks import Copy, Marks, Template
from benchmarks.spans_of_runs import spans_of

EXCERPT = Path(__file__).parents[1] / "tests" / "data" / "tau-bench"
SHAPES = ("lean", "fat")
SEED = 7
# With few runs each is used several times over with other errors and other varied words.
LEAST_TEMPLATES = 40
_BUFFER = 1 << 22


def count_of(text: str) -> int:
    """The number that `1k`, `100k` or `200` means."""
    number = int(text[:-1]) * 1000 if text.endswith("k") else int(text)
    if number < 1:
        raise ValueError("a size is at least 1")
    return number


def templates_of(source: Path, shape: str) -> list[Template]:
    """The runs of a tau-bench file (or of the files of a folder) as templates; the order is mixed but fixed."""
    files = sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
    runs = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]
    if not runs:
        raise SystemExit(f"{source} holds no runs; give a tau-bench JSONL file, or a folder of them")
    text = " ".join(str(m.get("content") or "") for run in runs for m in run["traj"] if m["role"] != "tool")
    vocabulary = sorted(set(re.findall(r"\b[a-z]{4,}\b", text)))
    templates = []
    for use in range(-(-LEAST_TEMPLATES // len(runs))):
        for place, run in enumerate(runs):
            rng = random.Random(f"{SEED}:{use}:{place}")
            marks = Marks(vocabulary, _names(run), rng)
            spans = spans_of(run, marks, rng, fat=shape == "fat")
            lines = [json.dumps(span, ensure_ascii=False, separators=(",", ":")) for span in spans]
            templates.append(Template("\n".join(lines) + "\n", marks.values))
    random.Random(SEED).shuffle(templates)
    return templates


def _names(run: dict[str, Any]) -> set[str]:
    """The names of the people in the results of a run's tools."""
    results = " ".join(str(message.get("content")) for message in run["traj"] if message["role"] == "tool")
    return set(re.findall(r'"(?:first|last)_name": "([A-Z]\w+)"', results))


def traces(templates: list[Template], first: int, count: int) -> Iterator[bytes]:
    """The lines of `count` traces, from number `first` on."""
    for number in range(first, first + count):
        yield templates[number % len(templates)].fill(Copy(number, SEED)).encode("utf-8")


def trace_id(number: int) -> str:
    """The id of a trace."""
    return Copy(number, SEED).trace_id


def make(source: Path, shape: str, count: int, data: Path, first: int = 0) -> Path:
    """A span file of `count` traces in the folder `data`; one that is there already, and whole, is kept."""
    since = f"-from-{first}" if first else ""
    path = data / f"{shape}-{count}{since}-{_print(source)}.jsonl"
    facts = path.with_suffix(".json")
    if path.is_file() and facts.is_file() and json.loads(facts.read_text())["bytes"] == path.stat().st_size:
        return path
    data.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("wb", buffering=_BUFFER) as file:
        for lines in traces(templates_of(source, shape), first, count):
            file.write(lines)
    beside.replace(path)
    facts.write_text(json.dumps({"bytes": path.stat().st_size, "traces": count, "shape": shape}))
    return path


def _print(source: Path) -> str:
    """Eight digits of the generator and its runs, so that a change of either makes new files."""
    here = Path(__file__).parent
    files = [here / "make_traces.py", here / "marks.py", here / "spans_of_runs.py"]
    files += sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def main() -> None:
    """Make the files and print where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=EXCERPT, help="tau-bench runs: a JSONL file or a folder")
    parser.add_argument("--size", type=count_of, default=1000, help="traces, such as 200, 1k, 10k, 100k")
    parser.add_argument("--shape", choices=SHAPES, default="lean")
    parser.add_argument("--first", type=int, default=0, help="number of the first trace")
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / ".data")
    options = parser.parse_args()
    start = time.perf_counter()
    path = make(options.runs, options.shape, options.size, options.data, options.first)
    size = path.stat().st_size
    words = f"{size / 1e6:.1f} MB, {size / options.size / 1e3:.1f} KB a trace, {time.perf_counter() - start:.1f} s"
    print(path)
    print(words, file=sys.stderr)


if __name__ == "__main__":
    main()
