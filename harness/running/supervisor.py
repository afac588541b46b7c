"""Runs attempts in child processes, each with a browser of its own, and writes the results.

A child that overruns an attempt's wall-clock limit is killed whole with its browser, the attempt is recorded as an
error, and the next goes on in a fresh child: a hung browser costs one attempt, not the run.
"""

import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from halo_common.child_process import BadMessage, ChildGone, ChildProcess, readable
from halo_common.files import append_json_line
from harness.attempt.records import Progress
from harness.core.errors import AttemptError, Cause, EnvironmentMissing, cannot_write
from harness.record.results import ErrorDetails, Job, Result
from harness.record.tracing import Tracer, new_trace_id, now
from harness.running.setup import Setup, finish, resource_for, spans_of

START_SECONDS = 60.0
# Time beyond the limit for a child to end the attempt by itself, which keeps its browser.
GRACE_SECONDS = 2.0
UNREACHABLE_IN_A_ROW = 3
MAX_CHILD_STARTS = 3


_ROOT = Path(__file__).parents[2]
_MESSAGE_BYTES = 1 << 28
_SEND_SECONDS = 10.0


class Child:
    """One child process as seen from outside."""

    def __init__(self, setup: Setup, scratch: str) -> None:
        self.ready = False
        self.job: Job | None = None
        self.trace_id = ""
        self.started_at = ""
        self.progress = Progress()
        self.deadline = time.monotonic() + START_SECONDS
        self.process = ChildProcess(
            "harness.running.child",
            most_bytes=_MESSAGE_BYTES,
            env={**os.environ, "TMPDIR": scratch, "PYTHONPATH": _python_path()},
            cwd=_ROOT,
            errors=None,
            # Killed at once, it would leave its browser behind.
            end_with_parent=False,
            starts_processes=True,
        )
        self._send(setup.model_dump(mode="json"))

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self.process.send(json.dumps(message).encode(), time.monotonic() + _SEND_SECONDS)
        except (ChildGone, TimeoutError):
            return  # it died or hangs, which shows when its answer is waited for

    def receive(self) -> dict[str, Any]:
        """Its next message. Raises ChildGone when it has ended, TimeoutError, and BadMessage."""
        message: dict[str, Any] = json.loads(self.process.receive(max(self.deadline, time.monotonic() + GRACE_SECONDS)))
        return message

    def give(self, job: Job, seconds: float) -> None:
        """Hand over one attempt."""
        self.job, self.trace_id, self.started_at, self.progress = job, new_trace_id(), now(), Progress()
        self.deadline = time.monotonic() + seconds + GRACE_SECONDS
        self._send({"do": "attempt", "job": job.model_dump(), "trace_id": self.trace_id})

    def go_on(self) -> None:
        """Let a child that pauses after a step take the next one."""
        self._send({"do": "go on"})

    def stop(self) -> None:
        """End the child process and its browser at once."""
        self.process.kill()


def _python_path() -> str:
    """PYTHONPATH under which a child imports the same `harness`."""
    return os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))


class Supervisor:
    """Runs jobs in order with `workers` children.

    Args:
        setup: What the attempts are run with.
        workers: The number of children.
        on_result: Called after each result is written, with the error's details where it is one.
        on_progress: Called whenever an attempt has moved on, with job, trace id and what was used so far.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        workers: int,
        on_result: Callable[[Result, ErrorDetails | None], None],
        on_progress: Callable[[Job, str, Progress], None] = lambda _job, _trace_id, _progress: None,
    ) -> None:
        self._setup, self._on_result, self._on_progress = setup, on_result, on_progress
        self._workers = workers
        self._out = Path(setup.out)
        self._children: dict[ChildProcess, Child] = {}
        self._failed_starts = 0
        self._answered = False
        self._unreachable = 0

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. Raises EnvironmentMissing when none can be run: no browser, no model endpoint."""
        waiting = deque(jobs)
        with tempfile.TemporaryDirectory(prefix="halo-harness-", ignore_cleanup_errors=True) as scratch:
            try:
                for _ in range(min(self._workers, len(waiting))):
                    self._spawn(scratch)
                while waiting or any(c.job for c in self._children.values()):
                    self._turn(waiting, scratch)
            finally:
                for child in self._children.values():
                    child.stop()

    def _spawn(self, scratch: str) -> None:
        child = Child(self._setup, scratch)
        self._children[child.process] = child

    def _turn(self, waiting: deque[Job], scratch: str) -> None:
        """Wait for the next message or deadline and act on it."""
        soonest = min(c.deadline for c in self._children.values() if c.job or not c.ready)
        ready = readable(self._children, soonest + 0.01)
        for process in ready:
            self._receive(self._children[process], waiting, scratch)
        if not ready:
            self._overdue(waiting, scratch)

    def _receive(self, child: Child, waiting: deque[Job], scratch: str) -> None:
        try:
            message = child.receive()
        except (ChildGone, BadMessage, TimeoutError):
            details = ErrorDetails(message="the attempt's process ended by itself")
            self._replace(child, Cause.HARNESS_CRASHED, details, waiting, scratch)
            return
        if message["event"] == "ready":
            child.ready = True
            self._failed_starts = 0
            self._next(child, waiting)
        elif message["event"] == "progress":
            child.progress = Progress.model_validate(message["progress"])
            self._answered = self._answered or child.progress.model_answered
            self._progressed(child)
        elif message["event"] == "finished":
            self._finished(child, message, waiting)
        elif not child.ready or message["exit_code"] == EnvironmentMissing.exit_code:
            raise EnvironmentMissing(str(message["message"]))
        else:
            details = ErrorDetails(message=str(message["message"]), traceback=message.get("traceback"))
            self._replace(child, Cause.HARNESS_CRASHED, details, waiting, scratch)

    def _progressed(self, child: Child) -> None:
        """Report a child's progress. A child that pauses goes on when the callback has returned."""
        if child.job is None:
            return
        self._on_progress(child.job, child.trace_id, child.progress)
        if self._setup.pause and child.progress.steps:
            child.deadline = time.monotonic() + self._setup.settings.limits.seconds + GRACE_SECONDS
            child.go_on()

    def _next(self, child: Child, waiting: deque[Job]) -> None:
        if waiting:
            child.give(waiting.popleft(), self._setup.settings.limits.seconds)

    def _finished(self, child: Child, frame: dict[str, Any], waiting: deque[Job]) -> None:
        result = Result.model_validate(frame["result"])
        child.job = None
        # An attempt without a problem shows as well that model and browser can be had.
        self._answered = self._answered or bool(frame["model_answered"]) or frame["problem"] is None
        problem = frame["problem"]
        self._write(result, ErrorDetails(message=problem, traceback=frame["traceback"]) if problem else None)
        self._unreachable = self._unreachable + 1 if frame["systemic"] else 0
        if frame["systemic"] and (not self._answered or self._unreachable >= UNREACHABLE_IN_A_ROW):
            raise EnvironmentMissing(str(frame["problem"]))
        self._next(child, waiting)

    def _overdue(self, waiting: deque[Job], scratch: str) -> None:
        for child in list(self._children.values()):
            if time.monotonic() < child.deadline or (child.ready and not child.job):
                continue
            seconds = self._setup.settings.limits.seconds
            details = ErrorDetails(message=f"killed: not finished within {seconds:g} s")
            self._replace(child, Cause.TIME_LIMIT, details, waiting, scratch)

    def _replace(self, child: Child, cause: Cause, details: ErrorDetails, waiting: deque[Job], scratch: str) -> None:
        """Give up a child: its attempt is recorded as an error, and a fresh child takes its place."""
        child.stop()
        del self._children[child.process]
        if child.job is not None:
            self._close_attempt(child, cause, details)
        elif not child.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_CHILD_STARTS:
                raise EnvironmentMissing(
                    f"the browser process could not be started ({details.message}); see the messages above"
                )
        if waiting:
            self._spawn(scratch)

    def _close_attempt(self, child: Child, cause: Cause, details: ErrorDetails) -> None:
        """Write the attempt's own span and its result in the place of a child that is gone."""
        job, setup = child.job, self._setup
        assert job is not None
        try:
            tracer = Tracer(spans_of(setup, job), child.trace_id, resource_for(setup, job))
            result = finish(
                setup,
                job,
                tracer,
                child.trace_id,
                started=child.started_at,
                progress=child.progress,
                end=None,
                problem=AttemptError(cause, details.message),
            )
        except OSError as error:
            raise cannot_write(error) from None
        self._write(result, details)

    def _write(self, result: Result, details: ErrorDetails | None) -> None:
        try:
            append_json_line(self._out / "results.jsonl", result.model_dump())
        except OSError as error:
            raise cannot_write(error) from None
        self._on_result(result, details)
