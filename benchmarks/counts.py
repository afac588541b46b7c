"""Whether readers count what real files hold: each is counted by halo-opt, and by a few lines of plain JSON.

    python -m benchmarks.counts DATA        # a folder with tau-bench .jsonl and InterCode .json files

The plain counts import nothing of halo-opt. The tau-bench runs are also written in other layouts (chat messages in one
file, in a file an attempt, every file twice; OTLP JSON in rotated files), whose counts must be those of the originals.
Ends with exit code 1 when a count differs.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store import Store, build_store

Record = dict[str, Any]


class Counts(NamedTuple):
    """What is compared. `steps` are the agent's replies; None where the source does not define a fact."""

    attempts: int
    tasks: int
    successes: int
    failures: int
    steps: int
    calls: int


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


def tau_bench(path: Path) -> Counts:
    """The counts of a tau-bench result file: a line is one attempt, its reward 1 is success."""
    runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    replies = [message for run in runs for message in run["traj"] if message["role"] == "assistant"]
    return Counts(
        attempts=len(runs),
        tasks=len({run["task_id"] for run in runs}),
        successes=sum(run["reward"] == 1 for run in runs),
        failures=sum(run["reward"] != 1 for run in runs),
        steps=len(replies),
        calls=sum(len(reply.get("tool_calls") or []) for reply in replies),
    )


def intercode(path: Path) -> Counts:
    """The counts of an InterCode result file: `max_reward` 1 is success, a turn that its loop wrote is no step.

    In ReAct mode an action is a call if it is `submit` or `execute[...]`, closed by its bracket.
    """
    records = json.loads(path.read_text(encoding="utf-8"))
    records = list(records.get("logs", records).values())
    turns = calls = 0
    for record in records:
        history = record["turn_history"]
        thoughts = history.get("thoughts") or [None] * len(history["actions"])
        for thought, action in zip(thoughts, history["actions"], strict=False):
            if (thought or "").startswith("EXCEEDED MAX TURNS"):
                continue
            turns += 1
            react = any(thought is not None for thought in thoughts)
            command = action.strip()
            calls += not react or command == "submit" or (command.startswith("execute[") and command.endswith("]"))
    solved = sum(record["summary"]["max_reward"] == 1 for record in records)
    ids = {record["task_id"] for record in records}
    return Counts(len(records), len(ids), solved, len(records) - solved, turns, calls)


def chat_lines(runs: list[Record]) -> list[str]:
    """The runs as lines of OpenAI messages with the names that most people use."""
    return [
        json.dumps({"task_id": run["task_id"], "trial": run["trial"], "messages": run["traj"], "reward": run["reward"]})
        for run in runs
    ]


def otlp_lines(runs: list[Record]) -> Iterator[str]:
    """The runs as OTLP JSON with GenAI names: an agent span, and below it a span for each reply and each call."""
    clock = iter(range(1, 10**6))

    def line(trace: str, span: str, parent: str, attributes: Record) -> str:
        start = 1_760_000_000_000_000_000 + next(clock) * 1_000_000
        body = {
            "traceId": trace,
            "spanId": span,
            "parentSpanId": parent,
            "name": attributes["gen_ai.operation.name"],
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 500_000),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
            "status": {},
        }
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [body]}]}]})

    for number, run in enumerate(runs, start=1):
        trace, root = f"{number:032x}", f"{number:016x}"
        verdict = {"halo.outcome": "success" if run["reward"] == 1 else "failure", "halo.task_id": str(run["task_id"])}
        yield line(trace, root, "", {"gen_ai.operation.name": "invoke_agent", **verdict})
        for place, message in enumerate(run["traj"], start=1):
            if message["role"] != "assistant":
                continue
            yield line(trace, f"{number:08x}{place:08x}", root, {"gen_ai.operation.name": "chat"})
            for order, call in enumerate(message.get("tool_calls") or [], start=1):
                names = {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": call["function"]["name"],
                    "gen_ai.tool.call.arguments": call["function"]["arguments"],
                    "gen_ai.tool.call.id": call["id"],
                }
                yield line(trace, f"{number:06x}{place:06x}{order:04x}", root, names)


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
        for name, paths, wanted in sources(data, folder):
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
