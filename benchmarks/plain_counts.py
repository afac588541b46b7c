"""What public result files hold, counted by plain JSON, and the same runs written in other layouts.

Nothing of halo-opt is imported here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Record = dict[str, Any]


class Counts(NamedTuple):
    """What is compared. `steps` are the agent's replies; None where the source does not define a fact."""

    attempts: int
    tasks: int
    successes: int
    failures: int
    steps: int
    calls: int


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
