"""The verbs that measure: eval, matrix, rollout. Each prints its figures on stdout."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.output import log, out_all
from harness.cli.plan import Overrides, RunOptions, checked, described, settings_of, setup_of, task_ids
from harness.core.errors import EnvironmentMissing, UsageError
from harness.evaluation.jobs import jobs_of, read_jobs, words_of
from harness.evaluation.matrix import MD, mode_table, run_matrix
from harness.evaluation.metrics import metrics
from harness.evaluation.rollout import write_summary
from harness.evaluation.selection import TaskOptions
from harness.evaluation.session import run_asked, run_missing
from harness.evaluation.show import table
from harness.record.results import Job
from harness.running.setup import Setup
from harness.settings.load import DEFAULT_CONFIG, load_file


def needed(out: Path | None) -> Path:
    """The folder of --out, which only a dry run can do without."""
    if out is None:
        raise UsageError("--out DIR is missing: the folder that results and traces go to")
    return out


def eval_attempts(
    *,
    out: o.OptionalOut = None,
    attempts: Annotated[
        Path | None, typer.Option(help="JSONL of {task_id, seed, attempt}: exactly these, for an optimizer.")
    ] = None,
    tasks: o.Tasks = None,
    task_type: o.TaskType = None,
    site: o.Site = None,
    sample_size: o.SampleSize = None,
    seed: o.SampleSeed = 0,
    seeds: o.TaskSeeds = "0",
    mode: o.Mode = None,
    config: o.Config = DEFAULT_CONFIG,
    workers: o.Workers = 1,
    max_steps: o.MaxSteps = None,
    score: o.Score = None,
    max_seconds: o.MaxSeconds = None,
    temperature: o.Temperature = None,
    headless: o.Headless = True,
    sites: o.Sites = "real",
    task_registry: o.TaskRegistry = None,
    cache: o.Cache = None,
    skills: o.Skills = None,
    include_broken: o.IncludeBroken = False,
    dry_run: o.DryRun = False,
    debug: o.Debug = False,
) -> None:
    """Run attempts: one result line and one span file each. Into the same folder again: only what is missing."""
    asked = TaskOptions(tasks, task_type, site, sample_size, seed)
    if (attempts is None) != asked.something:
        raise UsageError("give either --attempts FILE, or tasks: --tasks a,b, --task-type NAME, --site NAME")
    place = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    mode, settings = settings_of(config, mode, Overrides(max_steps, score, max_seconds, temperature))
    if attempts is None:
        jobs = sample_said(asked, jobs_of(task_ids(config, asked, place), seeds))
    else:
        jobs = read_jobs(attempts)
    jobs = checked(jobs, place)
    if dry_run:
        out_all(described(mode, settings, jobs, place))
        return
    setup = setup_of(mode, settings, needed(out), place)
    if attempts is not None:
        run_asked(setup, jobs, workers=workers, log=log, every_step=debug)
        return
    out_all(metrics(run_missing(setup, jobs, workers=workers, log=log, every_step=debug)).lines())


def matrix(
    *,
    out: o.OptionalOut = None,
    modes: Annotated[str | None, typer.Option(help="Modes between commas; without it, all of the config.")] = None,
    tasks: o.Tasks = None,
    task_type: o.TaskType = None,
    site: o.Site = None,
    sample_size: o.SampleSize = None,
    seed: o.SampleSeed = 0,
    seeds: o.TaskSeeds = "0",
    config: o.Config = DEFAULT_CONFIG,
    workers: o.Workers = 1,
    max_steps: o.MaxSteps = None,
    score: o.Score = None,
    max_seconds: o.MaxSeconds = None,
    temperature: o.Temperature = None,
    headless: o.Headless = True,
    sites: o.Sites = "real",
    task_registry: o.TaskRegistry = None,
    cache: o.Cache = None,
    skills: o.Skills = None,
    include_broken: o.IncludeBroken = False,
    dry_run: o.DryRun = False,
    debug: o.Debug = False,
) -> None:
    """Run every mode on every task: matrix.csv, matrix.md, errors.jsonl, and a run folder a mode.

    Without options that choose tasks, all usable ones. Into the same folder again: only what is missing.
    """
    asked = TaskOptions(tasks, task_type, site, sample_size, seed)
    place = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    changes = Overrides(max_steps, score, max_seconds, temperature)
    names = words_of(modes) if modes is not None else list(load_file(config).modes)
    if not names:
        raise UsageError("--modes must name at least one")
    pairs = [settings_of(config, name, changes) for name in names]
    ids = task_ids(config, asked, place, all_by_default=True)
    jobs = checked(sample_said(asked, jobs_of(ids, seeds)), place)
    if dry_run:
        for name, settings in pairs:
            out_all([*described(name, settings, jobs, place), ""])
        return
    folder = needed(out)
    setups = [setup_of(name, settings, folder / name, place) for name, settings in pairs]

    def run(setup: Setup) -> None:
        run_missing(setup, jobs, workers=workers, log=log, every_step=debug)

    columns = run_matrix(setups, jobs, folder, run=run, log=log)
    out_all(table(*mode_table(columns)))
    log(f"tasks by modes: {folder / MD}")
    lost = [c.setup.mode for c in columns if c.lost is not None]
    if lost:
        raise EnvironmentMissing(
            f"{len(lost)} of {len(columns)} modes could not run: {', '.join(lost)}; see {folder / MD}"
        )


def rollout(
    *,
    out: o.OptionalOut = None,
    per_task: Annotated[int, typer.Option("--per-task", "-n", min=1, max=1000, help="Attempts at each task.")] = 4,
    tasks: o.Tasks = None,
    task_type: o.TaskType = None,
    site: o.Site = None,
    sample_size: o.SampleSize = None,
    seed: o.SampleSeed = 0,
    task_seed: o.TaskSeed = 0,
    temperature: o.Temperature = None,
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
    """Run several attempts at each task from one task seed: <mode>/<task>__attempt_<k>.jsonl, rollout_summary.jsonl."""
    asked = TaskOptions(tasks, task_type, site, sample_size, seed)
    place = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    mode, settings = settings_of(config, mode, Overrides(max_steps, score, max_seconds, temperature))
    jobs = checked(sample_said(asked, jobs_of(task_ids(config, asked, place), [task_seed], per_task)), place)
    if dry_run:
        out_all(described(mode, settings, jobs, place))
        return
    setup = setup_of(mode, settings, needed(out), place, one_seed=task_seed)
    results = run_missing(setup, jobs, workers=workers, log=log, every_step=debug)
    names = ("task_id", "attempts", "success_rate", "distinct_action_sequences")
    rows = [["-" if line[n] is None else str(line[n]) for n in names] for line in write_summary(setup, results)]
    out_all([*table(["task", "attempts", "success_rate", "distinct sequences"], rows), "", *metrics(results).lines()])


def sample_said(asked: TaskOptions, jobs: list[Job]) -> list[Job]:
    """The same jobs; says which draw they are, so that it can be drawn again."""
    if asked.sample_size is not None:
        ids = {job.task_id for job in jobs}
        log(f"a sample of {len(ids)} tasks, drawn by --seed {asked.seed}: the same options draw the same tasks")
    return jobs
