"""`python -m harness`: tasks list, eval, skills mine, describe, check, smoke. Data on stdout, words on stderr.

Exit codes: 0 done, 2 what was given cannot be used, 3 the machine lacks something, 130 interrupted.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Error, sync_playwright

from harness.check import check as check_harness
from harness.config_load import DEFAULT_CONFIG, load_settings
from harness.describe import description
from harness.envs.miniwob import MiniWob
from harness.envs.sites import FORMS
from harness.errors import BrowserDown, EnvironmentMissing, HarnessError, UsageError
from harness.jobs import jobs_of, read_jobs
from harness.results import Job, Result
from harness.setup import Setup
from harness.skill_verbs import skills_app
from harness.supervisor import Supervisor
from harness.task_check import check_jobs
from harness.task_verbs import RegistryFile, tasks_app

INTERRUPTED = 130
SMOKE_TASK = "miniwob.click-test"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(tasks_app, name="tasks")
app.add_typer(skills_app, name="skills")


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@app.command("eval")
def eval_attempts(  # noqa: PLR0917  options of a command line are named by whoever gives them
    out: Annotated[Path, typer.Option(help="Run folder; results are appended to its results.jsonl.")],
    attempts: Annotated[Path | None, typer.Option(help="JSONL of {task_id, seed, attempt}.")] = None,
    tasks: Annotated[str | None, typer.Option(help="Task ids between commas, instead of --attempts.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds between commas, with --tasks.")] = "0",
    mode: Annotated[str | None, typer.Option(help="A mode of the config; without it, the config's own.")] = None,
    config: Annotated[Path, typer.Option(help="Config file.")] = DEFAULT_CONFIG,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Attempts at once, each with its own browser.")] = 1,
    max_steps: Annotated[int | None, typer.Option(min=1, max=100, help="Instead of the config's step limit.")] = None,
    headless: Annotated[bool, typer.Option(help="Without a window.")] = True,
    sites: Annotated[str, typer.Option(help=f"Where REAL's sites are: {FORMS}.")] = "real",
    task_registry: RegistryFile = None,
    include_broken: Annotated[bool, typer.Option(help="Run REAL tasks whose grader is known to be broken.")] = False,
) -> None:
    """Run attempts and write one result line and one span file for each."""
    if (attempts is None) == (tasks is None):
        raise UsageError("give either --attempts FILE or --tasks a,b with --seeds 0,1")
    mode, settings = load_settings(config, mode)
    if max_steps is not None:
        limits = settings.limits.model_copy(update={"steps": max_steps})
        settings = settings.model_copy(update={"limits": limits})
    jobs = read_jobs(attempts) if attempts is not None else jobs_of(tasks or "", seeds)
    jobs, news = check_jobs(jobs, sites=sites, snapshot=task_registry, include_broken=include_broken)
    for line in news:
        _say(line)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made: {error}") from None
    setup = Setup(
        settings=settings,
        out=str(out.resolve()),
        mode=mode,
        headless=headless,
        revision=os.environ.get("HALO_HARNESS_REVISION", "unknown"),
        run_id=os.environ.get("HALO_RUN_ID", out.resolve().name),
        sites=sites,
    )
    counts: dict[str, int] = {}

    def tell(result: Result, problem: str | None) -> None:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
        words = f"{result.outcome} ({problem})" if problem else result.outcome
        _say(f"{sum(counts.values())}/{len(jobs)} {result.task_id} seed {result.seed}: {words}")

    Supervisor(setup, workers=workers, tell=tell).run(jobs)
    _say(", ".join(f"{n} {name}" for name, n in sorted(counts.items())))


@app.command("describe")
def describe() -> None:
    """Print config schema, prompts and remedies as JSON, for an optimizer."""
    _out(json.dumps(description(), indent=1))


@app.command("check")
def check(config: Annotated[Path, typer.Option(help="Config file.")] = DEFAULT_CONFIG) -> None:
    """Exit 0 when the config validates and every prompt renders."""
    check_harness(config)
    _say("the config validates and every prompt renders")


@app.command("smoke")
def smoke() -> None:
    """Start the browser, load one task and look at it: says what would fail before anything is paid for."""
    with sync_playwright() as playwright:
        environment, job = MiniWob(), Job(task_id=SMOKE_TASK, seed=0)
        try:
            page = environment.page(playwright, job, headless=True)
            goal = environment.start(page, job)
            browser = page.context.browser
            _out(f"Chromium {browser.version if browser else ''} runs; {SMOKE_TASK} says: {goal}")
        except BrowserDown as error:
            raise EnvironmentMissing(str(error)) from None
        except Error as error:
            raise EnvironmentMissing(f"the browser does not run here: {str(error).splitlines()[0]}") from None
        finally:
            environment.close()


def _terminate(*_: object) -> None:
    """A polite end is an interrupt: `finally` clauses run, and the browsers end with them."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False)
        # The option parser turns an interrupt into the code that it would have left with.
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except HarnessError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted; finished attempts are kept")
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Usage errors of the option parser carry their own words and exit code; anything else is a defect.
        if not hasattr(error, "format_message"):
            raise
        _say(f"error: {error.format_message()}")
        sys.exit(2)
