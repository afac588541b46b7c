"""Runs attempts into one run folder: only what is missing, alone, and told as it happens. Decides no outcome."""

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
    made,
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
    """Says on stderr what happens, one line an attempt; with `every_step`, one a step as well."""

    setup: Setup
    total: int
    log: Log
    every_step: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _trails: dict[str, SpanReader] = field(default_factory=dict)

    def finished(self, result: Result, details: ErrorDetails | None) -> None:
        """One attempt is done."""
        self._trails.pop(result.trace_id, None)
        self.counts[result.outcome] += 1
        words = f"{result.outcome} ({plain(details.message, 400)})" if details else result.outcome
        number = f" attempt {result.attempt}" if result.attempt else ""
        self.log(f"{self.counts.total()}/{self.total} {result.task_id} seed {result.seed}{number}: {words}")
        if self.every_step and details and details.traceback:
            self.log(details.traceback.rstrip())

    def moved(self, job: Job, trace_id: str, _progress: Progress) -> None:
        """An attempt went one step further."""
        if not self.every_step:
            return
        trail = self._trails.setdefault(trace_id, SpanReader(spans_of(self.setup, job), trace_id))
        for step in trail.fresh():
            self.log(f"  {job.task_id} {step_line(step)}")

    def summary(self) -> str:
        """How many of each outcome."""
        return ", ".join(f"{n} {name}" for name, n in sorted(self.counts.items())) or "nothing was left to run"


def run_asked(setup: Setup, jobs: Sequence[Job], *, workers: int, log: Log, every_step: bool = False) -> None:
    """Exactly the attempts of an optimizer's file, beside other processes that write into the same folder."""
    teller = ProgressReporter(setup, len(jobs), log, every_step)
    with locked(made(Path(setup.out)), shared=True):
        Supervisor(setup, workers=workers, on_result=teller.finished, on_progress=teller.moved).run(jobs)
    log(teller.summary())


def run_missing(
    setup: Setup,
    jobs: Sequence[Job],
    *,
    workers: int,
    log: Log,
    every_step: bool = False,
) -> list[Result]:
    """What of the attempts has no measurement in the folder yet; the results that count for all of them.

    Ended at any moment, what has finished is on disk with its figures, and the next call goes on there. Raises
    UsageError when another command writes there or wrote attempts of another kind, and EnvironmentMissing when no
    attempt can be measured as things stand.
    """
    folder = made(Path(setup.out))
    asked = {key_of(job) for job in jobs}
    with locked(folder):
        claim(folder, _made_with(setup))
        left = missing(jobs, read_results(folder))
        if len(left) < len(jobs):
            log(f"{len(jobs) - len(left)} of {len(jobs)} attempts are in {folder} already; {len(left)} to go")
        teller = ProgressReporter(setup, len(left), log, every_step)

        def tell(result: Result, details: ErrorDetails | None) -> None:
            if details is not None:
                _write_error(folder, setup.mode, result, details)
            teller.finished(result, details)

        try:
            if left:
                Supervisor(setup, workers=workers, on_result=tell, on_progress=teller.moved).run(left)
        finally:
            found = [r for r in counting(read_results(folder)) if key_of(r) in asked]
            write_whole(folder / METRICS, json.dumps(metrics(found).model_dump(), indent=1) + "\n")
    log(teller.summary())
    return found


def _made_with(setup: Setup) -> dict[str, Any]:
    """What makes an attempt what it is, beside its task, seed and number."""
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
