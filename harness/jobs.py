"""Which attempts to run, from a file or from options, every task id checked before anything starts."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.envs.base import TaskInfo
from harness.envs.registry import wrong_version
from harness.errors import UsageError
from harness.nearest import did_you_mean
from harness.results import Job

# Subsets are rules over the task table, never lists of names: nothing can be picked because a model does well on it.
SHORT_HORIZON = 3


def subsets(table: Sequence[TaskInfo]) -> dict[str, list[TaskInfo]]:
    """Tasks by subset: `all` usable ones, `short` and `single` by horizon, `stated`, both, each family."""
    usable = [t for t in table if t.usable]
    out = {
        "all": usable,
        "short": [t for t in usable if t.horizon is not None and t.horizon <= SHORT_HORIZON],
        "single": [t for t in usable if t.horizon == 1],
    }
    out["stated"] = [t for t in usable if t.stated]
    out["short-stated"] = [t for t in out["short"] if t.stated]
    for task in usable:
        out.setdefault(task.family, []).append(task)
    return out


def chosen(table: Sequence[TaskInfo], subset: str | None) -> list[TaskInfo]:
    """The tasks of a subset, or the whole table, unusable ones included."""
    if subset is None:
        return list(table)
    known = subsets(table)
    if subset not in known:
        raise UsageError(f"there is no subset '{subset}'; {did_you_mean(subset, known)}")
    return known[subset]


def check_tasks(jobs: Iterable[Job], table: Sequence[TaskInfo]) -> None:
    """Raise for the first task that does not exist or cannot be used."""
    known = {t.id: t for t in table}
    for job in jobs:
        task = known.get(job.task_id)
        if task is None:
            if words := wrong_version(job.task_id, known):
                raise UsageError(words)
            raise UsageError(f"there is no task '{job.task_id}'; {did_you_mean(job.task_id, known)}")
        if not task.usable:
            raise UsageError(f"task '{job.task_id}' cannot be used: {task.why_not}")


def read_jobs(path: Path) -> list[Job]:
    """The attempts of a JSONL file, in its order."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    jobs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            jobs.append(Job.model_validate(json.loads(line)))
        except (json.JSONDecodeError, ValidationError):
            raise UsageError(f"{path}, line {number}: expected {{task_id, seed, attempt}}, got: {line[:80]}") from None
    if not jobs:
        raise UsageError(f"{path} holds no attempts")
    return jobs


def jobs_of(tasks: str, seeds: str) -> list[Job]:
    """Attempts from two comma-separated options."""
    try:
        numbers = [int(s) for s in seeds.split(",") if s.strip()]
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers between commas, not '{seeds}'") from None
    names = [t.strip() for t in tasks.split(",") if t.strip()]
    if not names or not numbers:
        raise UsageError("--tasks and --seeds must each name at least one")
    return [Job(task_id=name, seed=seed) for name in names for seed in numbers]
