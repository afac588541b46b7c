"""The attempts to run, from a file or from options, and the checking of their task ids."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from halo_common.text import did_you_mean
from harness.core.errors import UsageError
from harness.envs.base import TaskInfo
from harness.envs.registry import wrong_version
from harness.record.results import Job

# Subsets are rules over the task table, not lists of names, so that no task is picked because a model does well on it.
SHORT_HORIZON = 3
# REAL Bench's own tools take an id without a version for version 1, which has other graders. So no version is assumed.
VERSION = "v2."
REAL_SITES = (
    "dashdish", "gocalendar", "gomail", "marrisuite", "networkin", "omnizon", "opendining", "staynb", "topwork",
    "udriver", "zilloft",
)  # fmt: skip
_REAL_NAME = re.compile(rf"(?:v\d+\.)?((?:{'|'.join(REAL_SITES)})-[a-z0-9-]+)")


def subsets(table: Sequence[TaskInfo]) -> dict[str, list[TaskInfo]]:
    """Usable tasks by subset: `all`, `short` and `single` by horizon, `stated`, `short-stated`, and each family."""
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


def in_subset(table: Sequence[TaskInfo], subset: str | None) -> list[TaskInfo]:
    """The usable tasks of a subset; without a subset the whole table, unusable tasks too."""
    if subset is None:
        return list(table)
    known = subsets(table)
    if subset not in known:
        raise UsageError(f"there is no subset '{subset}'; {did_you_mean(subset, known)}")
    return known[subset]


def no_such_task(task_id: str, known: Mapping[str, TaskInfo]) -> str:
    """The error for a task that does not exist. It offers the version of an id that lacks one."""
    real = _REAL_NAME.fullmatch(task_id)
    if real and not task_id.startswith(VERSION):
        lacks = "names another version" if task_id.startswith("v") else "does not say its version"
        return f"task id '{task_id}' {lacks}; give '{VERSION}{real[1]}'"
    whole = [name for name in known if name.partition(".")[2] == task_id]
    return f"there is no task '{task_id}'; " + (f"give '{whole[0]}'" if whole else did_you_mean(task_id, known))


def check_tasks(jobs: Iterable[Job], table: Sequence[TaskInfo]) -> None:
    """Raise for the first task that does not exist or cannot be used."""
    known = {t.id: t for t in table}
    for job in jobs:
        task = known.get(job.task_id)
        if task is None:
            raise UsageError(wrong_version(job.task_id, known) or no_such_task(job.task_id, known))
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


def words_of(option: str) -> list[str]:
    """The items of a comma-separated option, each once."""
    return list(dict.fromkeys(word for part in option.split(",") if (word := part.strip())))


def seeds_of(seeds: str) -> list[int]:
    """The numbers of --seeds."""
    try:
        numbers = [int(word) for word in words_of(seeds)]
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers separated by commas, not '{seeds}'") from None
    if not numbers:
        raise UsageError("--seeds must name at least one")
    return numbers


def jobs_of(tasks: str | Sequence[str], seeds: str | Sequence[int], attempts: int = 1) -> list[Job]:
    """Every task with every seed, `attempts` times each. Tasks and seeds are lists, or comma-separated options."""
    names = words_of(tasks) if isinstance(tasks, str) else tasks
    numbers = seeds_of(seeds) if isinstance(seeds, str) else seeds
    if not names:
        raise UsageError("--tasks must name at least one")
    return [Job(task_id=t, seed=s, attempt=k) for t in names for s in numbers for k in range(attempts)]
