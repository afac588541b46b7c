"""Checks attempts before anything starts: task ids, broken graders, the SDK, the sites."""

from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import EnvironmentMissing, UsageError
from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks as miniwob_tasks
from harness.envs.registry import INSTALL, REAL, Registry, as_tasks, benchmark_of, load_registry, sdk_registry
from harness.envs.sites import check_site, read_sites
from harness.evaluation.jobs import check_tasks
from harness.record.results import Job


def check_jobs(
    jobs: Sequence[Job], *, sites: str = "real", snapshot: Path | None = None, include_broken: bool = False
) -> tuple[list[Job], list[str]]:
    """Check attempts, and leave out those of tasks with a broken grader.

    Returns:
        The attempts to run, and notes for the user, one sentence each.

    Raises:
        UsageError: An attempt cannot be run, or none is left.
        EnvironmentMissing: REAL Bench's SDK is needed and not installed.
    """
    read_sites(sites)
    table: list[TaskInfo] = list(miniwob_tasks())
    real = [job for job in jobs if benchmark_of(job.task_id) == "real"]
    registry, changes_found = _registry(real, snapshot) if real else (None, [])
    if registry is None:
        check_tasks(jobs, table)
        return list(jobs), []
    broken = {} if include_broken else {t.id: t.broken for t in registry.tasks if t.broken}
    kept = [job for job in jobs if job.task_id not in broken]
    left_out = sorted({job.task_id for job in jobs} & set(broken))
    notes = [f"left out: {i}: {broken[i]}; --include-broken runs it anyway" for i in left_out]
    if not kept:
        raise UsageError(f"nothing is left to run; {'; '.join(notes)}")
    check_tasks(kept, [*table, *as_tasks(registry)])
    _check_installed([job for job in kept if benchmark_of(job.task_id) == "real"], sites)
    return kept, [*changes_found, *notes, *_notes(registry, kept)]


def _check_installed(real: Sequence[Job], sites: str) -> None:
    """Raise unless the SDK has each task and each task's site can be reached."""
    installed = sdk_registry()
    if installed is None and real:
        raise EnvironmentMissing(f"REAL Bench's SDK is needed to run {real[0].task_id}; run '{INSTALL}'")
    site_of = {task.id: task.site for task in installed.tasks} if installed else {}
    for job in real:
        if job.task_id not in site_of:
            raise UsageError(f"'{job.task_id}' is in the snapshot, but not in the installed agisdk")
        check_site(sites, site_of[job.task_id])


def _registry(real: Sequence[Job], snapshot: Path | None) -> tuple[Registry | None, list[str]]:
    """REAL Bench's tasks. Without SDK and snapshot, an id without REAL Bench's prefix is taken for a mistyped one."""
    try:
        return load_registry(snapshot)
    except EnvironmentMissing:
        if any(job.task_id.startswith(REAL) for job in real):
            raise
        return None, []


def _notes(registry: Registry, jobs: Sequence[Job]) -> list[str]:
    wanted = {job.task_id for job in jobs}
    return [f"{task.id}: {task.note}" for task in registry.tasks if task.id in wanted and task.note]
