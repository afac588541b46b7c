"""The figures of an evaluation, from result lines. An unknown figure is None.

An `error` was not a measurement, and is part of no rate or median.
"""

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from harness.record.results import Result


class Metrics(BaseModel):
    """The figures. Steps are counted per attempt; wall time is in seconds.

    A success here is any reward above 0. The outcome `success` of a result line needs the full reward.
    """

    model_config = ConfigDict(frozen=True)

    valid_tasks: int
    init_or_agent_errors: int
    successes: int
    failures: int
    success_rate: float | None
    median_steps: float | None
    median_wall_time: float | None

    def lines(self) -> list[str]:
        """The figures as `name value` lines; a dash for an unknown one."""
        return [f"{name:22} {shown(value)}" for name, value in self.model_dump().items()]


def shown(value: float | None) -> str:
    """A number for people, with at most three decimal places; a dash for None."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")


def wall_seconds(result: Result) -> float:
    """How long the attempt took, in seconds."""
    return (datetime.fromisoformat(result.ended_at) - datetime.fromisoformat(result.started_at)).total_seconds()


def counting(results: Iterable[Result]) -> list[Result]:
    """One result for each attempt, in the order of their first lines: the last that is not an error, else the last."""
    kept: dict[tuple[str, int, int], Result] = {}
    for result in results:
        key = (result.task_id, result.seed, result.attempt)
        if result.outcome != "error" or kept.get(key, result).outcome == "error":
            kept[key] = result
    return list(kept.values())


def metrics(results: Sequence[Result]) -> Metrics:
    """The figures of the results that count, see `counting`."""
    valid = [r for r in results if r.outcome != "error" and r.score is not None]
    successes = sum(r.score is not None and r.score > 0 for r in valid)
    return Metrics(
        valid_tasks=len(valid),
        init_or_agent_errors=len(results) - len(valid),
        successes=successes,
        failures=len(valid) - successes,
        success_rate=successes / len(valid) if valid else None,
        median_steps=statistics.median(r.steps for r in valid) if valid else None,
        median_wall_time=statistics.median(map(wall_seconds, valid)) if valid else None,
    )
