"""Summarizes several attempts at each task with one task seed: how much they differ, one line for each task."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.evaluation.metrics import metrics
from harness.evaluation.run_folder import write_whole
from harness.evaluation.trajectory import read
from harness.record.results import Job, Result
from harness.running.setup import Setup, spans_of

SUMMARY = "rollout_summary.jsonl"


def actions_of(setup: Setup, result: Result) -> list[str]:
    """The attempt's actions, one text for each step."""
    job = Job(task_id=result.task_id, seed=result.seed, attempt=result.attempt)
    return [step.action_text() for step in read(spans_of(setup, job), result.trace_id)[1]]


def _known_sum(values: Sequence[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def summary_of(setup: Setup, results: Sequence[Result]) -> dict[str, Any]:
    """The summary of one task. Scores of errors are null; distinct sequences are counted without errors."""
    ordered = sorted(results, key=lambda r: r.attempt)
    valid = [r for r in ordered if r.outcome != "error"]
    first = ordered[0]
    rules = setup.settings.worker == "rules"
    return {
        "task_id": first.task_id,
        "task_seed": first.seed,
        "mode": setup.mode,
        "model": "rules" if rules else setup.settings.model.name,
        "temperature": None if rules else setup.settings.model.temperature,
        "attempts": len(ordered),
        "outcomes": dict(Counter(r.outcome for r in ordered)),
        "success_rate": metrics(ordered).success_rate,
        "scores": [r.score for r in ordered],
        "steps": [r.steps for r in ordered],
        "tokens_in": _known_sum([r.tokens_in for r in ordered]),
        "tokens_out": _known_sum([r.tokens_out for r in ordered]),
        "distinct_action_sequences": len({tuple(actions_of(setup, r)) for r in valid}),
    }


def summaries(setup: Setup, results: Sequence[Result]) -> list[dict[str, Any]]:
    """One summary for each task, in the order of the results."""
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(result.task_id, []).append(result)
    return [summary_of(setup, of_task) for of_task in by_task.values()]


def write_summary(setup: Setup, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Write the summaries beside the results, and return them."""
    lines = summaries(setup, results)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_whole(Path(setup.out) / SUMMARY, text)
    return lines
