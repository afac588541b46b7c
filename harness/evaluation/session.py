"""Runs attempts into one run folder, and reports progress while they run."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halo_common.files import append_json_line
from harness.attempt.records import Progress
from harness.core.errors import cannot_write
from harness.evaluation.metrics import counting, metrics
from harness.evaluation.run_folder import (
    ERRORS,
    METRICS,
    claim,
    key_of,
    locked,
    make_folder,
    missing,
    read_results,
    write_whole,
)
from harness.evaluation.show import step_line
from harness.evaluation.trajectory import SpanReader, plain
from harness.record.results import ErrorDetails, Job, Result
from harness.running.setup import Setup, spans_of
from harness.running.supervisor import Supervisor

Log = Callable[[str], None]


@dataclass
class ProgressReporter:
    """Prints one line for each finished attempt; with `every_step`, one for each step as well."""

    setup: Setup
    total: int
    log: Log
    every_step: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _spans: dict[str, SpanReader] = field(default_factory=dict)

    def finished(self, result: Result, details: ErrorDetails | None) -> None:
        """Print the line of a finished attempt."""
        self._spans.pop(result.trace_id, None)
        self.counts[result.outcome] += 1
        words = f"{result.outcome} ({plain(details.message, 400)})" if details else result.outcome
        number = f" attempt {result.attempt}" if result.attempt else ""
        self.log(f"{self.counts.total()}/{self.total} {result.task_id} seed {result.seed}{number}: {words}")
        if self.every_step and details and details.traceback:
            self.log(details.traceback.rstrip())

    def progressed(self, job: Job, trace_id: str, _progress: Progress) -> None:
        """Print an attempt's new steps."""
        if not self.every_step:
            return
        spans = self._spans.setdefault(trace_id, SpanReader(spans_of(self.setup, job), trace_id))
        for step in spans.new_steps():
            self.log(f"  {job.task_id} {step_line(step)}")

    def summary(self) -> str:
        """The number of attempts by outcome."""
        return ", ".join(f"{n} {name}" for name, n in sorted(self.counts.items())) or "nothing was left to run"


def run_asked(setup: Setup, jobs: Sequence[Job], *, workers: int, log: Log, every_step: bool = False) -> None:
    """Run exactly these attempts. Other processes may write into the same folder at the same time."""
    reporter = ProgressReporter(setup, len(jobs), log, every_step)
    with locked(make_folder(Path(setup.out)), shared=True):
        Supervisor(setup, workers=workers, on_result=reporter.finished, on_progress=reporter.progressed).run(jobs)
    log(reporter.summary())


def run_missing(
    setup: Setup,
    jobs: Sequence[Job],
    *,
    workers: int,
    log: Log,
    every_step: bool = False,
) -> list[Result]:
    """Run those of the attempts that have no measurement in the folder yet.

    When it is interrupted, finished attempts and their figures are on disk, and the next call runs the rest.

    Returns:
        The results that count, for all of the attempts.

    Raises:
        UsageError: Another command writes into the folder, or its attempts were made with other settings.
        EnvironmentMissing: No attempt can be measured, for lack of a browser or a model endpoint.
    """
    folder = make_folder(Path(setup.out))
    wanted = {key_of(job) for job in jobs}
    with locked(folder):
        claim(folder, _settings_of(setup))
        left = missing(jobs, read_results(folder))
        if len(left) < len(jobs):
            log(f"{len(jobs) - len(left)} of {len(jobs)} attempts are in {folder} already; {len(left)} are left")
        reporter = ProgressReporter(setup, len(left), log, every_step)

        def on_result(result: Result, details: ErrorDetails | None) -> None:
            if details is not None:
                _write_error(folder, setup.mode, result, details)
            reporter.finished(result, details)

        try:
            if left:
                Supervisor(setup, workers=workers, on_result=on_result, on_progress=reporter.progressed).run(left)
        finally:
            found = [r for r in counting(read_results(folder)) if key_of(r) in wanted]
            write_whole(folder / METRICS, json.dumps(metrics(found).model_dump(), indent=1) + "\n")
    log(reporter.summary())
    return found


def _settings_of(setup: Setup) -> dict[str, Any]:
    """What attempts of one measurement have in common."""
    return {
        "mode": setup.mode,
        "harness_revision": setup.revision,
        "sites": setup.sites,
        "task_seed": setup.one_seed,
        "settings": setup.settings.model_dump(),
    }


def _write_error(folder: Path, mode: str, result: Result, details: ErrorDetails) -> None:
    line = result.model_dump(include={"task_id", "seed", "attempt", "trace_id", "cause", "ended_at"})
    try:
        append_json_line(folder / ERRORS, {"mode": mode, **line, **details.model_dump()})
    except OSError as error:
        raise cannot_write(error) from None
