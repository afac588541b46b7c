"""Checks the attempts of an eval before anything starts: ids, broken graders, the SDK, the sites. Never runs one."""

from collections.abc import Sequence
from pathlib import Path

from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks as miniwob_tasks
from harness.envs.registry import INSTALL, REAL, Registry, as_tasks, benchmark_of, load_registry, sdk_registry
from harness.envs.sites import check_site, read_sites
from harness.errors import EnvironmentMissing, UsageError
from harness.jobs import check_tasks
from harness.results import Job


def check_jobs(
    jobs: Sequence[Job], *, sites: str = "real", snapshot: Path | None = None, include_broken: bool = False
) -> list[str]:
    """Raise for the first attempt that cannot be run; else what the user should know, a sentence each."""
    read_sites(sites)
    table: list[TaskInfo] = list(miniwob_tasks())
    real = [job for job in jobs if benchmark_of(job.task_id) == "real"]
    registry, news = _registry(real, snapshot) if real else (None, [])
    if registry is not None:
        table += as_tasks(registry, include_broken=include_broken)
    check_tasks(jobs, table)
    if registry is None:
        return []
    installed = sdk_registry()
    if installed is None:
        raise EnvironmentMissing(f"REAL Bench's SDK is needed to run {real[0].task_id}; run '{INSTALL}'")
    site_of = {task.id: task.site for task in installed.tasks}
    for job in real:
        if job.task_id not in site_of:
            raise UsageError(f"'{job.task_id}' is in the snapshot, but not in the installed {installed.source}")
        check_site(sites, site_of[job.task_id])
    return [*news, *_notes(registry, real)]


def _registry(real: Sequence[Job], snapshot: Path | None) -> tuple[Registry | None, list[str]]:
    """REAL's tasks. Without any, an id that does not say that it is REAL's is only a mistyped one of MiniWoB++."""
    try:
        return load_registry(snapshot)
    except EnvironmentMissing:
        if any(job.task_id.startswith(REAL) for job in real):
            raise
        return None, []


def _notes(registry: Registry, real: Sequence[Job]) -> list[str]:
    asked = {job.task_id for job in real}
    return [f"{task.id}: {task.note}" for task in registry.tasks if task.id in asked and task.note]
