"""The verb debug: one attempt, shown step by step."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from harness.attempt.records import Progress
from harness.cli import options as o
from harness.cli.output import log, out, out_all
from harness.cli.plan import Overrides, RunOptions, plan_lines, runnable_jobs, settings_of, setup_of
from harness.core.errors import UsageError
from harness.evaluation import preflight
from harness.evaluation.run_folder import locked, make_folder, read_results
from harness.evaluation.show import step_block
from harness.evaluation.trajectory import SpanReader, plain
from harness.record.results import ErrorDetails, Job, Result
from harness.running.setup import Setup, spans_of
from harness.running.supervisor import Supervisor
from harness.settings.load import DEFAULT_CONFIG
from harness.settings.schema import HarnessSettings

LONGEST_SECONDS = 1800.0


def has_display() -> bool:
    """Whether a window could be shown."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class StepPrinter:
    """Prints an attempt's steps as they are recorded; with `pause`, waits for Enter after each."""

    def __init__(self, setup: Setup, *, pause: bool) -> None:
        self._setup, self._pause = setup, pause
        self._spans: SpanReader | None = None
        self._goal = ""

    def progressed(self, job: Job, trace_id: str, progress: Progress) -> None:
        """Print what is new."""
        if self._spans is None:
            self._spans = SpanReader(spans_of(self._setup, job), trace_id)
        if progress.goal and not self._goal:
            self._goal = progress.goal
            out(f"goal: {plain(progress.goal, 1000)}")
        steps = self._spans.new_steps()
        for step in steps:
            out_all(step_block(step))
        sys.stdout.flush()
        if self._pause and steps:
            self._wait()

    def _wait(self) -> None:
        log("press Enter for the next step, Ctrl-C to end")
        if not sys.stdin.readline():  # end of input: nobody can press it
            self._pause = False

    def finished(self, result: Result, details: ErrorDetails | None) -> None:
        """Print how it ended."""
        reason = None
        if self._spans is not None:
            for step in self._spans.new_steps():
                out_all(step_block(step))
            reason = self._spans.root.end_reason if self._spans.root else None
        score = "" if result.score is None else f", score {result.score:g}"
        out(f"{result.outcome}{score} after {result.steps} steps, ended by {plain(result.cause or reason)}")
        if details is not None:
            out(plain(details.message, 1000))
            if details.traceback:
                log(details.traceback.rstrip())


def debug(
    task: Annotated[str, typer.Argument(help="Id of the task.", metavar="TASK")],
    *,
    task_seed: o.TaskSeed = 0,
    mode: o.Mode = None,
    config: o.Config = DEFAULT_CONFIG,
    out: o.Out = None,
    max_steps: o.MaxSteps = None,
    score: o.Score = None,
    max_seconds: o.MaxSeconds = None,
    temperature: o.Temperature = None,
    headless: o.Headless = False,
    sites: o.Sites = "real",
    task_registry: o.TaskRegistry = None,
    cache: o.Cache = None,
    skills: o.Skills = None,
    include_broken: o.IncludeBroken = False,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter after each step.")] = False,
    dry_run: o.DryRun = False,
) -> None:
    """Run one task in a visible browser and print each step as it is recorded. Each call is a new attempt."""
    if pause and max_seconds is None:
        max_seconds = LONGEST_SECONDS
    if not headless and not has_display():
        log("there is no display here, so the browser runs without a window")
        headless = True
    run_options = RunOptions(headless, sites, task_registry, cache, skills, include_broken)
    mode, settings = settings_of(config, mode, Overrides(max_steps, score, max_seconds, temperature))
    job = Job(task_id=task, seed=task_seed)
    if dry_run:
        _preflight(config, mode, settings, job, run_options)
        return
    runnable_jobs([job], run_options)
    folder = make_folder(out or Path(tempfile.mkdtemp(prefix="halo-debug-")))
    setup = setup_of(mode, settings, folder, run_options).model_copy(update={"pause": pause})
    with locked(folder):
        before = [r.attempt for r in read_results(folder) if (r.task_id, r.seed) == (task, task_seed)]
        job = job.model_copy(update={"attempt": max(before, default=-1) + 1})
        printer = StepPrinter(setup, pause=pause)
        Supervisor(setup, workers=1, on_result=printer.finished, on_progress=printer.progressed).run([job])
    log(f"its spans are in {spans_of(setup, job)}")


def _preflight(config: Path, mode: str, settings: HarnessSettings, job: Job, run_options: RunOptions) -> None:
    """Check everything that the attempt needs, without a model call."""
    out_all(plan_lines(mode, settings, [job], run_options))
    out("")
    checks = [preflight.config(config), _task(job, run_options), preflight.scripted_step()]
    checks += preflight.model_checks(settings, needed=True)
    out_all(preflight.lines_of(checks))
    preflight.require(checks)


def _task(job: Job, run_options: RunOptions) -> preflight.Check:
    try:
        runnable_jobs([job], run_options)
    except UsageError as error:
        return preflight.Check(name="task", state=preflight.State.MISSING, message=str(error))
    return preflight.Check(name="task", state=preflight.State.OK, message=job.task_id)
