"""Runs attempts through the harness command into one run folder.

The folder is the only state: what results.jsonl holds is done, the rest is missing. An attempt that is done is not run
again.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from pydantic import ValidationError

from halo_opt.core.config import CollectConfig
from halo_opt.core.errors import EnvironmentMissing, ExitCode, InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Cause, Outcome, Run
from halo_opt.experiment.command import HarnessProcess, expand
from halo_opt.experiment.results import ResultsTail, append_result, end_torn_line

POLL_SECONDS = 0.1
# Importing a harness and starting its browser happens before the first attempt and is not part of it.
START_SECONDS = 30.0
CRASHES_IN_A_ROW = 3
# Smaller batches end more evenly over the workers, larger ones start the harness less often.
BATCHES_PER_WORKER = 2


@dataclass
class Batch:
    """A harness process and its attempts that are not finished yet, the one in flight first.

    `progress_at` is the time of its last finished attempt by the monotonic clock, in seconds; `rejected_before` is how
    many lines of results.jsonl had been rejected when it began.
    """

    process: HarnessProcess
    keys: list[AttemptKey]
    file: Path
    progress_at: float
    finished: int = 0
    rejected_before: int = 0


@dataclass(frozen=True)
class Job:
    """One run to collect: its record, the attempts, the run folder, and the harness's folder and environment."""

    run: Run
    keys: Sequence[AttemptKey]
    folder: Path
    cwd: Path
    env: Mapping[str, str]
    options: CollectConfig


@dataclass
class Collector:
    """The processes of one job. `collect` is the way in."""

    job: Job
    tail: ResultsTail
    on_result: Callable[[AttemptResult], None]
    batches: list[Batch] = field(default_factory=list)
    crashes: int = 0
    started: int = 0

    def run(self) -> None:
        """Run until nothing is missing. Raises what `on_result` raises, after all processes were ended."""
        try:
            while True:
                self._start_batches()
                if not self.batches:
                    return
                time.sleep(POLL_SECONDS)
                self._take_results()
                for batch in list(self.batches):
                    self._check(batch)
        finally:
            for batch in self.batches:
                batch.process.end()
            # What finished between the last look and the end is on disk, and counted on the next start.
            self.tail.poll()

    def _start_batches(self) -> None:
        held = {key for batch in self.batches for key in batch.keys}
        missing = self.tail.missing(self.job.keys, retry_errors=self.job.options.retry_errors)
        free = [key for key in missing if key not in held]
        slots = self.job.options.workers - len(self.batches)
        size = max(1, ceil(len(free) / (self.job.options.workers * BATCHES_PER_WORKER)))
        for first in range(0, min(len(free), slots * size), size):
            self._start(free[first : first + size])

    def _start(self, keys: list[AttemptKey]) -> None:
        paths = RunPaths(self.job.folder)
        self.started += 1
        file = paths.logs / f"batch-{os.getpid()}-{self.started}.jsonl"
        paths.logs.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(key.model_dump_json() + "\n" for key in keys), encoding="utf-8")
        process = HarnessProcess(
            expand(self.job.run.command, attempts=str(file), out=str(self.job.folder)),
            cwd=self.job.cwd,
            env=self.job.env,
            log=paths.logs / "harness.log",
        )
        start = time.monotonic() + START_SECONDS
        self.batches.append(Batch(process, list(keys), file, start, rejected_before=len(self.tail.rejected)))

    def _take_results(self) -> None:
        for result in self.tail.poll():
            for batch in self.batches:
                if result.key in batch.keys:
                    batch.keys.remove(result.key)
                    batch.finished += 1
                    batch.progress_at = time.monotonic()
                    self.crashes = 0
            self.on_result(result)

    def _check(self, batch: Batch) -> None:
        """End a batch that has finished, died or hung; in the latter two cases the attempt in flight is an error."""
        status = batch.process.poll()
        limit = self.job.options.attempt_seconds
        if status is None:
            if time.monotonic() - batch.progress_at > limit:
                self._end(batch)
                self._record_error(batch, Cause.TIME_LIMIT)
            return
        self._take_results()
        self._end(batch)
        if batch.keys and (unusable := self.tail.unusable(since=batch.rejected_before)):
            # Going on would pay for attempts whose outcome is lost, and more often for one outcome than for the other.
            raise InputError(f"{unusable}; mend the harness and run this again: finished attempts are kept")
        if not batch.keys or (status == 0 and batch.finished):
            return
        if status == ExitCode.ENVIRONMENT:
            raise EnvironmentMissing(f"the harness lacks something on this machine: {batch.process.last_output()}")
        if status == ExitCode.USAGE:
            raise InputError(f"the harness refused its input: {batch.process.last_output()}")
        if not batch.finished:
            self.crashes += 1
            if self.crashes >= CRASHES_IN_A_ROW:
                raise EnvironmentMissing(
                    f"the harness command ended {self.crashes} times in a row without a finished attempt "
                    f"(exit code {status}): {batch.process.last_output() or 'it printed nothing'}; "
                    f"its output is in {batch.process.log}"
                )
        self._record_error(batch, Cause.HARNESS_CRASHED)

    def _end(self, batch: Batch) -> None:
        batch.process.end()
        batch.file.unlink(missing_ok=True)
        self.batches.remove(batch)

    def _record_error(self, batch: Batch, cause: Cause) -> None:
        self._take_results()
        if not batch.keys:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        key = batch.keys[0]
        result = AttemptResult(
            **key.model_dump(),
            trace_id=uuid.uuid4().hex,
            outcome=Outcome.ERROR,
            cause=cause,
            started_at=now,
            ended_at=now,
        )
        append_result(self.tail.path, result)
        # Before the next batch starts: one that still held this attempt would be blamed for it again.
        self._take_results()


def _ignore(_result: AttemptResult) -> None:
    """Take no notice of a result."""


def collect(
    job: Job,
    *,
    on_result: Callable[[AttemptResult], None] = _ignore,
    on_existing: Callable[[AttemptResult], None] = _ignore,
) -> ResultsTail:
    """Run what is missing of a job. Killed at any moment it loses at most the attempts in flight.

    Args:
        job: The run to collect.
        on_result: Called once for each result line that appears during this call, in file order.
        on_existing: Called once for each result line that was there before, in file order.

    Returns:
        All results of the run folder.

    Raises:
        EnvironmentMissing: When the harness lacks something on this machine, or ends again and again at once.
        InputError: When the harness refuses its input, or the folder holds another run or is in use.
    """
    paths = RunPaths(job.folder)
    paths.folder.mkdir(parents=True, exist_ok=True)
    with _locked(paths.lock):
        _claim(paths, job.run)
        lines = "".join(key.model_dump_json() + "\n" for key in job.keys)
        paths.attempts.write_text(lines, encoding="utf-8")
        end_torn_line(paths.results)
        tail = ResultsTail(paths.results)
        for result in tail.poll():
            on_existing(result)
        Collector(job, tail, on_result).run()
    return tail


def _claim(paths: RunPaths, run: Run) -> None:
    """Write run.json, or check that the folder belongs to the same run."""
    if not paths.run.exists():
        paths.run.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return
    try:
        there = Run.model_validate_json(paths.run.read_bytes())
    except ValidationError:
        raise InputError(
            f"{paths.run} is not the record of a run; move it away, or choose another run folder with --run-id"
        ) from None
    for name in ("harness_revision", "model"):
        old, new = getattr(there, name), getattr(run, name)
        if old != new:
            raise InputError(
                f"{paths.folder} holds a run with {name} {old}, not {new}; a run has one harness and one model, so "
                "choose another run folder with --run-id"
            )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another halo-opt process collects into {path.parent}; wait until it ends, or stop it"
            ) from None
        yield
    finally:
        os.close(fd)
