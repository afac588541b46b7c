"""Runs attempts through the harness command into one run folder: at least once each, never paid for twice.

The folder is the only state: what results.jsonl holds is done, the rest is missing. Never reads span files and never
decides what a result means.
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
# Smaller shares end more evenly over the workers, larger ones start the harness less often.
SHARES_PER_WORKER = 2


@dataclass
class Share:
    """A harness process and the attempts that it was asked for."""

    process: HarnessProcess
    keys: list[AttemptKey]
    file: Path
    progress_at: float
    finished: int = 0

    @property
    def left(self) -> list[AttemptKey]:
        """The attempts still owed, the one in flight first."""
        return self.keys


@dataclass(frozen=True)
class Job:
    """One run to collect: which attempts, by which command, where."""

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
    shares: list[Share] = field(default_factory=list)
    crashes: int = 0
    started: int = 0

    def work(self) -> None:
        """Until nothing is missing. Raises what `on_result` raises (a spent budget), after ending all processes."""
        try:
            while True:
                self._deal()
                if not self.shares:
                    return
                time.sleep(POLL_SECONDS)
                self._take_results()
                for share in list(self.shares):
                    self._watch(share)
        finally:
            for share in self.shares:
                share.process.end()
            # What finished between the last look and the end is on disk, and counted on the next start.
            self.tail.poll()

    def _deal(self) -> None:
        held = {key for share in self.shares for key in share.keys}
        missing = self.tail.missing(self.job.keys, retry_errors=self.job.options.retry_errors)
        free = [key for key in missing if key not in held]
        slots = self.job.options.workers - len(self.shares)
        size = max(1, ceil(len(free) / (self.job.options.workers * SHARES_PER_WORKER)))
        for first in range(0, min(len(free), slots * size), size):
            self._start(free[first : first + size])

    def _start(self, keys: list[AttemptKey]) -> None:
        paths = RunPaths(self.job.folder)
        self.started += 1
        file = paths.logs / f"share-{os.getpid()}-{self.started}.jsonl"
        paths.logs.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(key.model_dump_json() + "\n" for key in keys), encoding="utf-8")
        process = HarnessProcess(
            expand(self.job.run.command, attempts=str(file), out=str(self.job.folder)),
            cwd=self.job.cwd,
            env=self.job.env,
            log=paths.logs / "harness.log",
        )
        self.shares.append(Share(process, list(keys), file, time.monotonic() + START_SECONDS))

    def _take_results(self) -> None:
        for result in self.tail.poll():
            for share in self.shares:
                if result.key in share.keys:
                    share.keys.remove(result.key)
                    share.finished += 1
                    share.progress_at = time.monotonic()
                    self.crashes = 0
            self.on_result(result)

    def _watch(self, share: Share) -> None:
        """End a share that has finished, died or hung, and blame the attempt in flight for the latter two."""
        status = share.process.poll()
        limit = self.job.options.attempt_seconds
        if status is None:
            if time.monotonic() - share.progress_at > limit:
                self._drop(share)
                self._blame(share, Cause.TIME_LIMIT)
            return
        self._take_results()
        self._drop(share)
        if not share.left or (status == 0 and share.finished):
            return
        if status == ExitCode.ENVIRONMENT:
            raise EnvironmentMissing(f"the harness cannot run here: {share.process.last_words()}")
        if status == ExitCode.USAGE:
            raise InputError(f"the harness refused its input: {share.process.last_words()}")
        if not share.finished:
            self.crashes += 1
            if self.crashes >= CRASHES_IN_A_ROW:
                raise EnvironmentMissing(
                    f"the harness command ended {self.crashes} times in a row without a finished attempt "
                    f"(exit code {status}): {share.process.last_words() or 'it printed nothing'}; "
                    f"its output is in {share.process.log}"
                )
        self._blame(share, Cause.HARNESS_CRASHED)

    def _drop(self, share: Share) -> None:
        share.process.end()
        share.file.unlink(missing_ok=True)
        self.shares.remove(share)

    def _blame(self, share: Share, cause: Cause) -> None:
        self._take_results()
        if not share.left:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        key = share.left[0]
        result = AttemptResult(
            **key.model_dump(),
            trace_id=uuid.uuid4().hex,
            outcome=Outcome.ERROR,
            cause=cause,
            started_at=now,
            ended_at=now,
        )
        append_result(self.tail.path, result)
        # Before anything is dealt again: a share that still held this attempt would be blamed for the next one.
        self._take_results()


def collect(job: Job, *, on_result: Callable[[AttemptResult], None] = lambda _result: None) -> ResultsTail:
    """Run what is missing of a job. Killed at any moment it loses at most the attempts in flight.

    `on_result` is called once for each result line that appears during this call, in file order.
    """
    paths = RunPaths(job.folder)
    paths.folder.mkdir(parents=True, exist_ok=True)
    with _locked(paths.lock):
        _claim(paths, job.run)
        lines = "".join(key.model_dump_json() + "\n" for key in job.keys)
        paths.attempts.write_text(lines, encoding="utf-8")
        end_torn_line(paths.results)
        tail = ResultsTail(paths.results)
        tail.poll()
        Collector(job, tail, on_result).work()
    return tail


def _claim(paths: RunPaths, run: Run) -> None:
    """Write run.json, or check that the folder belongs to the same run."""
    if not paths.run.exists():
        paths.run.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return
    try:
        there = Run.model_validate_json(paths.run.read_bytes())
    except ValidationError:
        raise InputError(f"{paths.run} is not a run file; move it away or name another run") from None
    for name in ("harness_revision", "model"):
        old, new = getattr(there, name), getattr(run, name)
        if old != new:
            raise InputError(
                f"{paths.folder} holds a run with {name} {old}, not {new}; one run has one harness and one model: "
                "name another run with --run-id"
            )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{path.parent} is being collected by another halo-opt; wait for it") from None
        yield
    finally:
        os.close(fd)
