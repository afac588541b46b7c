"""A context over the traces that are in the repository and some with a planted fault, for tests of tools."""

import json
from pathlib import Path

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.report_records import Report
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store

DATA = Path(__file__).parents[2] / "data"
RUNS = [DATA / "tau-bench" / "gpt-4o-airline.jsonl", DATA / "intercode"]
TOOLS = {tool.name: tool for tool in ALL}


def mined(store: Store) -> Report:
    """What mining says of a store."""
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00Z")


def context_over(store: Store, report: Report | None = None, **more: object) -> ToolContext:
    """A fresh context."""
    return ToolContext(store, report or mined(store), Hypotheses(), **more)  # type: ignore[arg-type]


def ask(context: ToolContext, tool: str, /, **arguments: object) -> str:
    """What a tool answers."""
    chosen = TOOLS[tool]
    return chosen.run(chosen.arguments.model_validate(arguments), context)


def plant(path: Path, tasks: int = 12, trials: int = 4) -> None:
    """A trace file in which attempts that make the same call four times fail, mostly, and others succeed, mostly."""
    lines = [_planted(task, trial) for task in range(tasks) for trial in range(trials)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _planted(task: int, trial: int) -> dict[str, object]:
    shows = (task + trial) % 2 == 0
    fails = shows != ((task * 5 + trial) % 9 == 0)
    traj: list[dict[str, object]] = [
        {"role": "system", "content": "You book flights."},
        {"role": "user", "content": f"Book flight {task}."},
    ]
    for step in range(4):
        call = {"name": "find", "arguments": json.dumps({"flight": task if shows else task * 10 + step})}
        found = "Error: flight not found" if shows and step < 3 else f"flight {task} at {step}"
        traj += [
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{step}", "function": call}]},
            {"role": "tool", "tool_call_id": f"c{step}", "name": "find", "content": found},
        ]
    traj += [{"role": "assistant", "content": "It is booked."}, {"role": "user", "content": "###STOP###"}]
    info = {"task": {"user_id": "u", "instruction": f"Book flight {task}.", "actions": [], "outputs": []}}
    return {"task_id": 100 + task, "reward": float(not fails), "info": info, "traj": traj, "trial": trial}
