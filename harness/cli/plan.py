"""From options to what runs: settings, tasks, limits, and the words that say so before anything is paid for."""

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

# A model takes seconds for a step on a real site: a step limit without the time to use it makes errors of attempts.
SECONDS_A_STEP = 10.0
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Overrides:
    """Options that take the place of settings. None: as the config says."""

    max_steps: int | None = None
    score: bool | None = None
    max_seconds: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class RunOptions:
    """Options that say where and how attempts run, and nothing about what they mean."""

    headless: bool = True
    sites: str = "real"
    task_registry: Path | None = None
    cache: Path | None = None
    skills: Path | None = None
    include_broken: bool = False


def task_table(registry: Path | None) -> Sequence[TaskInfo]:
    """Every task that can be asked for."""
    try:
        real, _ = load_registry(registry)
    except EnvironmentMissing:
        return miniwob_tasks()  # whoever asks for one of REAL Bench's by its id is told what is missing
    return (*miniwob_tasks(), *as_tasks(real))


def changed(config: Path, settings: HarnessSettings, changes: Overrides) -> HarnessSettings:
    """The settings with the options laid over them, within the same bounds as the config's own."""
    if changes.max_steps is not None and changes.score is not None:
        raise UsageError("--max-steps and --score/--speed both set the step limit; give one of them")
    profile = None if changes.score is None else SCORE_STEPS if changes.score else SPEED_STEPS
    steps = changes.max_steps if changes.max_steps is not None else profile
    limits: dict[str, Any] = {} if steps is None else {"steps": steps}
    if changes.max_seconds is not None:
        limits["seconds"] = changes.max_seconds
    elif profile is not None:
        limits["seconds"] = max(settings.limits.seconds, SECONDS_A_STEP * profile)
    model = {} if changes.temperature is None else {"temperature": changes.temperature}
    try:
        return HarnessSettings.model_validate(merged(settings.model_dump(), {"limits": limits, "model": model}))
    except ValidationError as error:
        raise UsageError(sentence(config, error, HarnessSettings)) from None


def settings_of(config: Path, mode: str | None, changes: Overrides) -> tuple[str, HarnessSettings]:
    """(mode, settings). The mode becomes a folder's name, so it must be able to."""
    name, settings = load_settings(config, mode)
    if not _FOLDER_NAME.fullmatch(name):
        raise UsageError(
            f"{config}: mode '{name}' cannot name a folder; use letters, digits, dots, dashes, underscores"
        )
    return name, changed(config, settings, changes)


def setup_of(
    mode: str, settings: HarnessSettings, out: Path, place: RunOptions, *, one_seed: int | None = None
) -> Setup:
    """What the attempts' processes are told."""
    return Setup(
        settings=settings,
        out=str(out.resolve()),
        mode=mode,
        headless=place.headless,
        revision=os.environ.get("HALO_HARNESS_REVISION", "unknown"),
        run_id=os.environ.get("HALO_RUN_ID", out.resolve().name),
        sites=place.sites,
        cache=str(place.cache.resolve()) if place.cache else None,
        skills=str(place.skills.resolve()) if place.skills else None,
        one_seed=one_seed,
    )


def task_ids(config: Path, asked: TaskOptions, place: RunOptions, *, all_by_default: bool = False) -> list[str]:
    """The tasks that were asked for. Where a verb takes all: REAL Bench's, or MiniWoB++'s where those are not there."""
    if not asked.something and not all_by_default:
        raise UsageError(NOTHING_ASKED)
    table = task_table(place.task_registry)
    if not asked.something:
        table = [t for t in table if t.id.startswith(REAL)] or table
    return select(table, asked, load_file(config).subsets)


def checked(jobs: list[Job], place: RunOptions) -> list[Job]:
    """The attempts, each of which can be run as things stand. Raises for the first that cannot."""
    kept, news = check_jobs(jobs, sites=place.sites, snapshot=place.task_registry, include_broken=place.include_broken)
    for line in news:
        log(line)
    return kept


def most_calls(settings: HarnessSettings, attempts: int) -> int:
    """The most model calls that so many attempts can make when every request is answered at its first try."""
    if settings.worker == "rules":
        return 0
    data = settings.model_dump()
    steps = settings.limits.steps
    worker = steps * (1 + settings.retry.invalid_action)
    manager = (
        min(steps, data.get("gate", {}).get("max_calls", steps)) if data.get("hierarchy", {}).get("manager") else 0
    )
    return attempts * (worker + manager)


def model_of(settings: HarnessSettings) -> str:
    """Who decides, in words."""
    return "rules (no model)" if settings.worker == "rules" else f"{settings.model.name} at {settings.model.base_url}"


def described(mode: str, settings: HarnessSettings, jobs: Sequence[Job], place: RunOptions) -> list[str]:
    """What would run, one `name value` line each."""
    ids = list(dict.fromkeys(job.task_id for job in jobs))
    rows = [
        ("mode", mode),
        ("model", model_of(settings)),
        ("temperature", "-" if settings.worker == "rules" else f"{settings.model.temperature}"),
        ("limits", f"{settings.limits.steps} steps, {settings.limits.seconds:g} s an attempt"),
        ("sites", place.sites),
        ("attempts", f"{len(jobs)} of {len(ids)} tasks"),
        ("model calls", f"at most {most_calls(settings, len(jobs))}"),
        ("tasks", " ".join(ids)),
    ]
    return [f"{name:12} {value}" for name, value in rows]
