"""Failure modes that can be planted into the steps of a real attempt. Each changes the steps and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.mining.attempts import Steps

Inject = Callable[[Steps, np.random.Generator], None]
TALK = {"respond", "think"}


def _place(steps: Steps, rng: np.random.Generator) -> int:
    """A call among the steps, not a word to the user; the first step where there is none."""
    calls = [n for n, step in enumerate(steps) if step.get("tool") and step["tool"] not in TALK]
    return calls[int(rng.integers(len(calls)))] if calls else 0


def _call(rng: np.random.Generator, **more: Any) -> dict[str, Any]:
    """A call that no real attempt has, so that nothing else is changed by it."""
    number = int(rng.integers(1_000_000))
    return {"tool": "look_up", "arguments": f'{{"key": "K{number}"}}', "result": f"value {number}", **more}


def _failed(rng: np.random.Generator, words: str, kind: str = "tool_error") -> dict[str, Any]:
    step = _call(rng, error=words, error_type=kind)
    del step["result"]
    return step


def repeat(steps: Steps, rng: np.random.Generator) -> None:
    place, call = _place(steps, rng), _call(rng)
    steps[place:place] = [call, dict(call)]


def swing(steps: Steps, rng: np.random.Generator) -> None:
    place, one, two = _place(steps, rng), _call(rng), _call(rng)
    steps[place:place] = [one, two, dict(one), dict(two)]


def retry_unchanged(steps: Steps, rng: np.random.Generator) -> None:
    place, call = _place(steps, rng), _failed(rng, "no such key")
    steps[place:place] = [call, dict(call)]


def failing_call(steps: Steps, rng: np.random.Generator) -> None:
    steps.insert(_place(steps, rng), _failed(rng, "not permitted"))


def prose(steps: Steps, rng: np.random.Generator) -> None:
    reply = f"Let me think about case {int(rng.integers(1_000_000))} first."
    steps.insert(_place(steps, rng), {"reply": reply, "error": "no JSON", "error_type": "format"})


def unknown_tool(steps: Steps, rng: np.random.Generator) -> None:
    step = _failed(rng, "there is no tool teleport", "unknown_action")
    steps.insert(_place(steps, rng), {**step, "tool": "teleport"})


def fence(steps: Steps, rng: np.random.Generator) -> None:
    step = _call(rng)
    steps.insert(_place(steps, rng), {**step, "arguments": f"```json\n{step['arguments']}\n```"})


def empty(steps: Steps, rng: np.random.Generator) -> None:
    steps.insert(_place(steps, rng), _call(rng, result="[]"))


def hand_over(steps: Steps, rng: np.random.Generator) -> None:
    steps.append(
        {"tool": "escalate_case", "arguments": f'{{"case": {int(rng.integers(1_000_000))}}}', "result": "done"}
    )


def time_out(steps: Steps, rng: np.random.Generator) -> None:
    steps.insert(_place(steps, rng), _failed(rng, f"timed out after {int(rng.integers(5, 60))} s"))


def three_errors(steps: Steps, rng: np.random.Generator) -> None:
    for _ in range(3):
        steps.insert(_place(steps, rng), _failed(rng, "bad arguments"))


def same_result(steps: Steps, rng: np.random.Generator) -> None:
    place, words = _place(steps, rng), f"nothing new {int(rng.integers(1_000_000))}"
    steps[place:place] = [_call(rng, result=words) for _ in range(3)]


def near_repeats(steps: Steps, rng: np.random.Generator) -> None:
    place, number = _place(steps, rng), int(rng.integers(1_000_000))
    query = f"select everything from orders where customer number is {number} and page is"
    steps[place:place] = [{**_call(rng), "tool": "query_db", "arguments": f"{query} {page}"} for page in range(3)]


def three_times(steps: Steps, rng: np.random.Generator) -> None:
    call = _call(rng)
    for _ in range(3):
        steps.insert(_place(steps, rng), dict(call))


MODES: dict[str, Inject] = {
    "repeats a call at once": repeat,
    "swings between two calls": swing,
    "retries a failed call unchanged": retry_unchanged,
    "a call fails": failing_call,
    "prose instead of an action": prose,
    "names an unknown tool": unknown_tool,
    "arguments in a code fence": fence,
    "an empty result": empty,
    "hands the case over": hand_over,
    "a call times out": time_out,
    "three failing calls": three_errors,
    "the same result three times": same_result,
    "nearly the same query three times": near_repeats,
    "one call three times": three_times,
}
