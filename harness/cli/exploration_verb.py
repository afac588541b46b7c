"""The verb verify-exploration: whether the sampling temperature changes what the agent does."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.output import log, out_all
from harness.cli.plan import Overrides, RunOptions, plan_lines, runnable_jobs, settings_of, setup_of, task_ids
from harness.cli.run_verbs import report_sample, require_out
from harness.core.errors import UsageError
from harness.evaluation.exploration import Difference, compare_all
from harness.evaluation.jobs import jobs_of, words_of
from harness.evaluation.rollout import actions_of
from harness.evaluation.run_folder import make_folder, write_whole
from harness.evaluation.selection import TaskOptions
from harness.evaluation.session import run_missing
from harness.evaluation.show import table
from harness.evaluation.trajectory import plain
from harness.record.results import Result
from harness.running.setup import Setup
from harness.settings.load import DEFAULT_CONFIG

NO = 1
REPORT = "exploration.json"


def two_of(temperatures: str) -> tuple[float, float]:
    """The two numbers of --temperatures."""
    try:
        first, second = (float(word) for word in words_of(temperatures))
    except ValueError:
        raise UsageError(f"--temperatures takes two different numbers between commas, not '{temperatures}'") from None
    if not (0 <= first <= 2 and 0 <= second <= 2):
        raise UsageError(f"--temperatures takes numbers from 0 to 2, not '{temperatures}'")
    return first, second


def verify_exploration(
    *,
    out: o.Out = None,
    temperatures: Annotated[str, typer.Option(help="The two temperatures, separated by a comma.")] = "0,1",
    tasks: o.Tasks = None,
    task_type: o.TaskType = None,
    site: o.Site = None,
    sample_size: o.SampleSize = None,
    seed: o.SampleSeed = 0,
    task_seed: o.TaskSeed = 0,
    mode: o.Mode = None,
    config: o.Config = DEFAULT_CONFIG,
    workers: o.Workers = 1,
    max_steps: o.MaxSteps = None,
    score: o.Score = None,
    max_seconds: o.MaxSeconds = None,
    headless: o.Headless = True,
    sites: o.Sites = "real",
    task_registry: o.TaskRegistry = None,
    cache: o.Cache = None,
    skills: o.Skills = None,
    include_broken: o.IncludeBroken = False,
    dry_run: o.DryRun = False,
    debug: o.Debug = False,
) -> None:
    """Run each task at two temperatures and show where the actions first differ. Exit code 1: no task differs."""
    task_options, run_options = (
        TaskOptions(tasks, task_type, site, sample_size, seed),
        RunOptions(headless, sites, task_registry, cache, skills, include_broken),
    )
    pair = two_of(temperatures)
    arms = [settings_of(config, mode, Overrides(max_steps, score, max_seconds, t)) for t in pair]
    if arms[0][1].worker == "rules":
        raise UsageError(
            f"mode {arms[0][0]} calls no model, so a temperature has no effect; give a --mode that calls one"
        )
    jobs = runnable_jobs(
        report_sample(task_options, jobs_of(task_ids(config, task_options, run_options), [task_seed])), run_options
    )
    if dry_run:
        for name, settings in arms:
            out_all([*plan_lines(name, settings, jobs, run_options), ""])
        return
    folder = make_folder(require_out(out))
    found = []
    for temperature, (name, settings) in zip(pair, arms, strict=True):
        log(f"temperature {temperature:g}:")
        setup = setup_of(name, settings, folder / f"temperature-{temperature:g}", run_options, one_seed=task_seed)
        found.append(_sequences(setup, run_missing(setup, jobs, workers=workers, log=log, every_step=debug)))
    differences = compare_all([job.task_id for job in jobs], *found)
    report = {"temperatures": pair, "task_seed": task_seed, "tasks": [d.model_dump() for d in differences]}
    write_whole(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    out_all(_lines(differences, pair))
    if not any(d.differs for d in differences):
        raise typer.Exit(NO)


def _sequences(setup: Setup, results: Sequence[Result]) -> dict[str, list[str] | str]:
    """The actions by task; for an attempt that was not a measurement, the reason."""
    return {r.task_id: f"error: {r.cause}" if r.outcome == "error" else actions_of(setup, r) for r in results}


def _lines(differences: Sequence[Difference], pair: tuple[float, float]) -> list[str]:
    rows = []
    for d in differences:
        differs = "not compared"
        if d.differs is not None:
            differs = "yes" if d.differs else "no"
        step = "-" if d.step is None else str(d.step)
        rows.append(
            [d.task_id, differs, step, plain(d.first if d.why_not is None else d.why_not, 80), plain(d.second, 80)]
        )
    compared = [d for d in differences if d.differs is not None]
    overall = f"{sum(bool(d.differs) for d in compared)} of {len(compared)} compared tasks differ"
    left = len(differences) - len(compared)
    head = ["task", "differs", "first at step", f"at temperature {pair[0]:g}", f"at temperature {pair[1]:g}"]
    return [*table(head, rows), "", overall + (f"; {left} could not be compared" if left else "")]
