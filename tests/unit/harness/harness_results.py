"""Finished attempts and span files for the tests of what is made from them."""

import json
from pathlib import Path
from typing import Any

from harness.record.results import Job, Result
from harness.running.setup import Setup, spans_of
from harness.settings.schema import HarnessSettings

START = "2026-01-01T00:00:00.000000+00:00"


def result(task: str = "t", *, score: float | None = 1.0, seconds: int = 4, **changes: Any) -> Result:
    """An attempt; without a score an error."""
    outcome = "error" if score is None else "success" if score > 0.99 else "failure"
    data = {
        "task_id": task, "seed": 0, "attempt": 0, "trace_id": f"{task}-0", "outcome": outcome, "score": score,
        "cause": "browser_died" if score is None else None, "steps": 3, "tokens_in": None, "tokens_out": None,
        "cost_usd": None, "started_at": START,
        "ended_at": f"2026-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}+00:00",
    }  # fmt: skip
    return Result.model_validate(data | changes)


def setup(out: Path, mode: str = "m", **settings: Any) -> Setup:
    """What attempts in a folder were run with."""
    values = HarnessSettings.model_validate(settings)
    return Setup(settings=values, out=str(out), mode=mode, headless=True, revision="r", run_id="x")


def span(trace: str, kind: str, name: str, ids: tuple[str, str], **attributes: Any) -> dict[str, Any]:
    """A line of a span file; `ids` are its own and its parent's."""
    said = {"openinference.span.kind": kind, **{k.replace("__", "."): v for k, v in attributes.items()}}
    return {"trace_id": trace, "span_id": ids[0], "parent_span_id": ids[1], "name": name, "attributes": said}


def trail(trace: str, *actions: tuple[str, str, str | None] | None, **root: Any) -> list[dict[str, Any]]:
    """The spans of an attempt: an action a step as (name, target, text), None for an unusable reply."""
    out = []
    for index, action in enumerate(actions):
        if action is not None:
            name, target, text = action
            said = {"tool.name": name, "halo.action.target": target, "tool.parameters": json.dumps({"text": text})}
            out.append(span(trace, "TOOL", f"execute_tool {name}", (f"t{index}", f"s{index}"), **said))
        out.append(span(trace, "CHAIN", "step", (f"s{index}", "root"), **{"halo.step.index": index}))
    return [*out, span(trace, "AGENT", "attempt", ("root", ""), **root)]


def write_spans(where: Setup, one: Result, spans: list[dict[str, Any]]) -> Path:
    """Put spans where an attempt's belong."""
    path = spans_of(where, Job(task_id=one.task_id, seed=one.seed, attempt=one.attempt))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(s) + "\n" for s in spans)
    return path
