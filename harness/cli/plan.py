"""Turns options into what will run: settings, tasks and limits, and lines that describe them for --dry-run."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.cli.output import log
from harness.core.errors import EnvironmentMissing, UsageError
from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks as miniwob_tasks
from harness.envs.registry import REAL, as_tasks, load_registry
from harness.evaluation.selection import NOTHING_ASKED, TaskOptions, select
from harness.evaluation.task_check import check_jobs
from harness.record.results import Job
from harness.running.setup import Setup
from harness.settings.load import load_file, load_settings, merged, sentence
from harness.settings.schema import SCORE_STEPS, SPEED_STEPS, HarnessSettings

# A step on a real site takes seconds. A step limit without the time to use it would turn attempts into errors.
SECONDS_A_STEP = 10.0
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Overrides:
    """Options that override settings. None: as the config says."""

    max_steps: int | None = None
    score: bool | None = None
    max_seconds: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class RunOptions:
    """Options that say where and how attempts run, without an effect on what they measure."""

    headless: bool = True
    sites: str = "real"
    task_registry: Path | None = None
    cache: Path | None = None
    skills: Path | None = None
    include_broken: bool = False


def task_table(registry: Path | None) -> Sequence[TaskInfo]:
    """Every known task of both benchmarks."""
    try:
        real, _ = load_registry(registry)
    except EnvironmentMissing:
        return miniwob_tasks()  # a REAL Bench task that is named by its id gives an error later
    return (*miniwob_tasks(), *as_tasks(real))


def with_overrides(config: Path, settings: HarnessSettings, overrides: Overrides) -> HarnessSettings:
    """The settings with the options' values, which must lie within the same bounds as the config's."""
    if overrides.max_steps is not None and overrides.score is not None:
        raise UsageError("--max-steps and --score/--speed both set the step limit; give one of them")
    profile: int | None = None
    if overrides.score is not None:
        profile = SCORE_STEPS if overrides.score else SPEED_STEPS
    steps = overrides.max_steps if overrides.max_steps is not None else profile
    limits: dict[str, Any] = {} if steps is None else {"steps": steps}
    if overrides.max_seconds is not None:
        limits["seconds"] = overrides.max_seconds
    elif profile is not None:
        limits["seconds"] = max(settings.limits.seconds, SECONDS_A_STEP * profile)
    model = {} if overrides.temperature is None else {"temperature": overrides.temperature}
    try:
        return HarnessSettings.model_validate(merged(settings.model_dump(), {"limits": limits, "model": model}))
    except ValidationError as error:
        raise UsageError(sentence(config, error, HarnessSettings)) from None


def settings_of(config: Path, mode: str | None, overrides: Overrides) -> tuple[str, HarnessSettings]:
    """(mode, settings). Raises UsageError also where the mode's name, which becomes a folder's, cannot be one."""
    name, settings = load_settings(config, mode)
    if not _FOLDER_NAME.fullmatch(name):
        raise UsageError(
            f"{config}: mode '{name}' cannot name a folder; use letters, digits, dots, dashes, underscores"
        )
    return name, with_overrides(config, settings, overrides)


def setup_of(
    mode: str, settings: HarnessSettings, out: Path, run_options: RunOptions, *, one_seed: int | None = None
) -> Setup:
    """What the attempts run with."""
    return Setup(
        settings=settings,
        out=str(out.resolve()),
        mode=mode,
        headless=run_options.headless,
        revision=os.environ.get("HALO_HARNESS_REVISION", "unknown"),
        run_id=os.environ.get("HALO_RUN_ID", out.resolve().name),
        sites=run_options.sites,
        cache=str(run_options.cache.resolve()) if run_options.cache else None,
        skills=str(run_options.skills.resolve()) if run_options.skills else None,
        one_seed=one_seed,
    )


def task_ids(
    config: Path, task_options: TaskOptions, run_options: RunOptions, *, all_by_default: bool = False
) -> list[str]:
    """Ids of the chosen tasks.

    With `all_by_default` and no option that chooses tasks: REAL Bench's, or MiniWoB++'s where its SDK is missing.
    """
    if not task_options.selects and not all_by_default:
        raise UsageError(NOTHING_ASKED)
    table = task_table(run_options.task_registry)
    if not task_options.selects:
        table = [t for t in table if t.id.startswith(REAL)] or table
    return select(table, task_options, load_file(config).subsets)


def runnable_jobs(jobs: list[Job], run_options: RunOptions) -> list[Job]:
    """The attempts that can run. Prints which are left out, and raises for the first that cannot run at all."""
    kept, notes = check_jobs(
        jobs, sites=run_options.sites, snapshot=run_options.task_registry, include_broken=run_options.include_broken
    )
    for line in notes:
        log(line)
    return kept


def most_calls(settings: HarnessSettings, attempts: int) -> int:
    """The most model calls of so many attempts, failed requests not counted."""
    if settings.worker == "rules":
        return 0
    steps = settings.limits.steps
    worker = steps * (1 + settings.retry.invalid_action)
    manager = 0
    if settings.hierarchy.manager:
        manager = min(steps, settings.escalation.max_calls)
    return attempts * (worker + manager)


def model_of(settings: HarnessSettings) -> str:
    """The model or rules that decide, for people."""
    return "rules (no model)" if settings.worker == "rules" else f"{settings.model.name} at {settings.model.base_url}"


def plan_lines(mode: str, settings: HarnessSettings, jobs: Sequence[Job], run_options: RunOptions) -> list[str]:
    """What would run, as `name value` lines."""
    ids = list(dict.fromkeys(job.task_id for job in jobs))
    rows = [
        ("mode", mode),
        ("model", model_of(settings)),
        ("temperature", "-" if settings.worker == "rules" else f"{settings.model.temperature}"),
        ("limits", f"{settings.limits.steps} steps, {settings.limits.seconds:g} s an attempt"),
        ("sites", run_options.sites),
        ("attempts", f"{len(jobs)} of {len(ids)} tasks"),
        ("model calls", f"at most {most_calls(settings, len(jobs))}"),
        ("tasks", " ".join(ids)),
    ]
    return [f"{name:12} {value}" for name, value in rows]
