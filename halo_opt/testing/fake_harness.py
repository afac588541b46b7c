"""A whole harness in one file that needs no browser and no model: FakeHarness copies it.

    python agent.py eval --attempts FILE --out DIR      runs attempts by the harness contract
    python agent.py describe | check | tasks            what loop.yaml's other commands ask for

An attempt is a draw from (task, seed, attempt): it loops unless `guards.loop` is on, aims at things that are not there
unless `targets.from_page` is on, is beyond the agent, or goes well. FAKE_FAULT, a JSON object in the environment, makes
it misbehave: {"crash_on": TASK}, {"hang_on": TASK}, {"error_on": TASK}, {"exit": CODE}, {"seconds": PER_ATTEMPT}.
"""

import argparse
import json
import os
import random
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
CONFIG = "config.yaml"
PROMPT = "prompts/rules.j2"
STEP_LIMIT = 6
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "guards": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"loop": {"type": "boolean", "description": "Refuse the same action twice on one page"}},
        },
        "targets": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"from_page": {"type": "boolean", "description": "Offer only targets that exist"}},
        },
        "patience": {"type": "integer", "minimum": 1, "maximum": 9, "description": "Steps before giving up"},
    },
}
REMEDIES = {
    "loop_guard": [{"type": "set", "path": CONFIG, "key": "guards.loop", "value": True}],
    "constrain_targets": [{"type": "set", "path": CONFIG, "key": "targets.from_page", "value": True}],
    "state_rules": [{"type": "append", "path": PROMPT, "text": "Never repeat an action that changed nothing.\n"}],
}


def now() -> str:
    """The time as spans want it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def load() -> dict[str, Any]:
    """config.yaml, or exit 2 with one sentence."""
    try:
        config = YAML(typ="safe", pure=True).load((HERE / CONFIG).read_text(encoding="utf-8"))
        unknown = sorted(set(config) - set(SCHEMA["properties"]))
        if unknown:
            raise ValueError(f"there is no setting '{unknown[0]}'")
        bool(config["guards"]["loop"]), bool(config["targets"]["from_page"])
        return dict(config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(_fail(f"{CONFIG}: {error}", 2))


def _fail(words: str, code: int) -> int:
    sys.stderr.write(words + "\n")
    return code


def play(key: dict[str, Any], config: dict[str, Any]) -> tuple[bool, str, list[dict[str, Any]]]:
    """One attempt: success, end reason, and its steps as (tool, target, changed, error_type)."""
    draw = random.Random(f"{key['task_id']}|{key['seed']}|{key['attempt']}")
    fate = draw.choices(["loops", "lost", "hard", "fine"], weights=[40, 30, 15, 15])[0]
    good = {"tool": "click", "target": "Search", "changed": True, "error_type": None}
    done = {"tool": "done", "target": "", "changed": False, "error_type": None}
    if fate == "loops" and not config["guards"]["loop"]:
        return False, "step_limit", [{**good, "changed": False}] * STEP_LIMIT
    if fate == "lost" and not config["targets"]["from_page"]:
        return False, "done", [{**good, "changed": None, "error_type": "unknown_target", "target": "Nowhere"}, done]
    if fate == "hard":
        return False, "done", [good, {**good, "target": "Wrong row"}, done]
    return True, "task_over", [good, {**good, "target": "Right row"}]


def spans_of(key: dict[str, Any], trace: str, outcome: tuple[bool, str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The attempt as flat spans."""
    success, reason, steps = outcome
    at = now()
    root = uuid.uuid4().hex[:16]

    def span(parent: str, name: str, attributes: dict[str, Any], error: str | None = None) -> dict[str, Any]:
        return {
            "trace_id": trace,
            "span_id": uuid.uuid4().hex[:16] if parent else root,
            "parent_span_id": parent,
            "name": name,
            "kind": "SPAN_KIND_INTERNAL",
            "start_time": at,
            "end_time": now(),
            "status": {"code": "STATUS_CODE_ERROR" if error else "STATUS_CODE_OK", "message": error or ""},
            "resource": {
                "attributes": {
                    "service.name": "fake-harness",
                    "halo.task_id": key["task_id"],
                    "halo.seed": key["seed"],
                    "halo.attempt": key["attempt"],
                    "halo.mode": "fake",
                    "halo.model": os.environ.get("HALO_MODEL", "fake"),
                    "halo.harness_revision": os.environ.get("HALO_HARNESS_REVISION", ""),
                    "halo.run_id": os.environ.get("HALO_RUN_ID", ""),
                }
            },
            "scope": {"name": "fake-harness", "version": "1"},
            "attributes": attributes,
        }

    goal = f"Find the right row of {key['task_id']}"
    ending = {"halo.outcome": "success" if success else "failure", "halo.score": float(success)}
    agent = {"openinference.span.kind": "AGENT", "input.value": goal, "halo.goal": goal, "halo.end_reason": reason}
    spans = [span("", "attempt", {**agent, **ending, "halo.step_limit": STEP_LIMIT})]
    for index, step in enumerate(steps):
        words = f"There is no {step['target']} on the page" if step["error_type"] else None
        call = json.dumps({"target": step["target"]})
        chain: dict[str, Any] = {
            "openinference.span.kind": "CHAIN",
            "halo.step.index": index,
            "input.value": f'page {index}: button "Search"',
            "output.value": f"{step['tool']} {step['target']}",
        }
        if step["changed"] is not None:
            chain["halo.page.changed"] = step["changed"]
        if words:
            chain |= {"halo.action.error_type": step["error_type"], "halo.action.error": words}
        parent = span(root, "step", chain)
        tool: dict[str, Any] = {
            "openinference.span.kind": "TOOL",
            "tool.name": step["tool"],
            "tool.parameters": call,
            "input.value": call,
            "halo.action.target": step["target"],
            "output.value": words or "ok",
        }
        if words:
            tool["error.type"] = step["error_type"]
        spans += [parent, span(parent["span_id"], f"execute_tool {step['tool']}", tool, words)]
    return spans


def append_line(path: Path, data: dict[str, Any]) -> None:
    """One whole line in one write."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(fd, json.dumps(data).encode() + b"\n")
    finally:
        os.close(fd)


def evaluate(attempts: Path, out: Path) -> int:
    """Run the attempts of a file, one result line each."""
    config = load()
    fault = json.loads(os.environ.get("FAKE_FAULT", "{}"))
    if "exit" in fault:
        return _fail("the fake harness was told to refuse", int(fault["exit"]))
    folder = out / "fake"
    folder.mkdir(parents=True, exist_ok=True)
    for line in attempts.read_text(encoding="utf-8").splitlines():
        key = json.loads(line)
        task = key["task_id"]
        time.sleep(float(fault.get("seconds", 0)))
        if fault.get("crash_on") == task:
            return _fail(f"the fake harness crashed on {task}", 70)
        if fault.get("hang_on") == task:
            time.sleep(3600)
        trace, started = uuid.uuid4().hex, now()
        broken = fault.get("error_on") == task
        outcome = play(key, config)
        file = folder / f"{task}__seed_{key['seed']}__attempt_{key['attempt']}.jsonl"
        with file.open("a", encoding="utf-8") as spans:
            spans.writelines(json.dumps(span) + "\n" for span in spans_of(key, trace, outcome))
        result: dict[str, Any] = {"outcome": "success" if outcome[0] else "failure", "score": float(outcome[0])}
        if broken:
            result = {"outcome": "error", "score": None, "cause": "environment_error"}
        counts = {"steps": len(outcome[2]), "tokens_in": 90 * len(outcome[2]), "tokens_out": 12 * len(outcome[2])}
        times = {"started_at": started, "ended_at": now()}
        line_data = {**key, "trace_id": trace, **result, **counts, "cost_usd": None, **times, **fault.get("result", {})}
        append_line(out / "results.jsonl", line_data)
    return 0


def main() -> int:
    """Parse and run one verb."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["eval", "describe", "check", "tasks"])
    parser.add_argument("--attempts", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--count", type=int, default=30)
    options = parser.parse_args()
    if options.verb == "eval":
        return evaluate(options.attempts, options.out)
    if options.verb == "describe":
        surface = {"config": CONFIG, "schema": SCHEMA, "prompts": [PROMPT], "remedies": REMEDIES}
        sys.stdout.write(json.dumps(surface) + "\n")
    elif options.verb == "tasks":
        sys.stdout.write("".join(f"fake.task-{number:02d}\n" for number in range(options.count)))
    else:
        load()
    return 0


if __name__ == "__main__":
    sys.exit(main())
