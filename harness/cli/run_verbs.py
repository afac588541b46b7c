"""The verbs that run sets of attempts: eval, matrix, rollout. Each prints its figures on stdout."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.output import log, out_all
from harness.cli.plan import Overrides, RunOptions, plan_lines, runnable_jobs, settings_of, setup_of, task_ids
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


def require_out(out: Path | None) -> Path:
    """The folder of --out. Raises UsageError where it was not given."""
    if out is None:
        raise UsageError("--out DIR is missing: the folder that results and traces go to")
    return out


def eval_attempts(
    *,
    out: o.Out = None,
    attempts: Annotated[
        Path | None, typer.Option(help="JSONL file of {task_id, seed, attempt}: run exactly these attempts.")
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
    """Run attempts. Each gets a result line and a span file; in the same folder again, only missing attempts run."""
    task_options = TaskOptions(tasks, task_type, site, sample_size, seed)
    if (attempts is None) != task_options.selects:
        raise UsageError("give either --attempts FILE, or tasks: --tasks a,b, --task-type NAME or --site NAME")
    run_options = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    mode, settings = settings_of(config, mode, Overrides(max_steps, score, max_seconds, temperature))
    if attempts is None:
        jobs = report_sample(task_options, jobs_of(task_ids(config, task_options, run_options), seeds))
    else:
        jobs = read_jobs(attempts)
    jobs = runnable_jobs(jobs, run_options)
    if dry_run:
        out_all(plan_lines(mode, settings, jobs, run_options))
        return
    setup = setup_of(mode, settings, require_out(out), run_options)
    if attempts is not None:
        run_asked(setup, jobs, workers=workers, log=log, every_step=debug)
        return
    out_all(metrics(run_missing(setup, jobs, workers=workers, log=log, every_step=debug)).lines())


def matrix(
    *,
    out: o.Out = None,
    modes: Annotated[
        str | None, typer.Option(help="Modes, separated by commas; without it, every mode of the config.")
    ] = None,
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
    """Run every mode on every task. Writes matrix.csv, matrix.md, errors.jsonl, and a run folder for each mode.

    Without options that choose tasks, all usable tasks run. In the same folder again, only missing attempts run.
    """
    task_options = TaskOptions(tasks, task_type, site, sample_size, seed)
    run_options = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    overrides = Overrides(max_steps, score, max_seconds, temperature)
    names = words_of(modes) if modes is not None else list(load_file(config).modes)
    if not names:
        raise UsageError("--modes must name at least one")
    pairs = [settings_of(config, name, overrides) for name in names]
    ids = task_ids(config, task_options, run_options, all_by_default=True)
    jobs = runnable_jobs(report_sample(task_options, jobs_of(ids, seeds)), run_options)
    if dry_run:
        for name, settings in pairs:
            out_all([*plan_lines(name, settings, jobs, run_options), ""])
        return
    folder = require_out(out)
    setups = [setup_of(name, settings, folder / name, run_options) for name, settings in pairs]

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
    out: o.Out = None,
    per_task: Annotated[int, typer.Option("--per-task", "-n", min=1, max=1000, help="Attempts per task.")] = 4,
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
    """Run each task several times from one task seed, and summarize how the attempts differ.

    Writes <mode>/<task>__attempt_<k>.jsonl and rollout_summary.jsonl.
    """
    task_options = TaskOptions(tasks, task_type, site, sample_size, seed)
    run_options = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    mode, settings = settings_of(config, mode, Overrides(max_steps, score, max_seconds, temperature))
    jobs = runnable_jobs(
        report_sample(task_options, jobs_of(task_ids(config, task_options, run_options), [task_seed], per_task)),
        run_options,
    )
    if dry_run:
        out_all(plan_lines(mode, settings, jobs, run_options))
        return
    setup = setup_of(mode, settings, require_out(out), run_options, one_seed=task_seed)
    results = run_missing(setup, jobs, workers=workers, log=log, every_step=debug)
    names = ("task_id", "attempts", "success_rate", "distinct_action_sequences")
    rows = []
    for line in write_summary(setup, results):
        cells = ["-" if line[name] is None else str(line[name]) for name in names]
        rows.append(cells)
    out_all([*table(["task", "attempts", "success_rate", "distinct sequences"], rows), "", *metrics(results).lines()])


def report_sample(task_options: TaskOptions, jobs: list[Job]) -> list[Job]:
    """The same jobs; prints the sample's seed, so that it can be drawn again."""
    if task_options.sample_size is not None:
        ids = {job.task_id for job in jobs}
        log(
            f"a sample of {len(ids)} tasks, drawn with --seed {task_options.seed}; the same options draw the same tasks"
        )
    return jobs
