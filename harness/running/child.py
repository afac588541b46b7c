"""The process that owns a browser and runs attempts one after another, in messages with its supervisor.

It ends itself and its browser when its supervisor is gone: its input closes, and a thread that no hung page can hold up
kills the whole tree.
"""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error, Playwright, sync_playwright

from halo_common.processes import kill_tree
from harness.attempt.loop import AttemptLoop
from harness.attempt.records import AttemptEnd, Progress
from harness.core.errors import AttemptError, BrowserDown, Cause, HarnessError, no_room, traceback_of
from harness.decide.build import build_policy
from harness.decide.helpers import helpers_for
from harness.decide.policy import Policy
from harness.envs.base import Environment
from harness.envs.browser import find_chromium
from harness.envs.miniwob import MiniWob
from harness.envs.registry import benchmark_of
from harness.record.results import Job, Result
from harness.record.tracing import Tracer, artifact_folder, now
from harness.running.setup import Setup, finish, resource_for, spans_of

if TYPE_CHECKING:
    from halo_common.child_main import Channel

Send = Callable[[dict[str, Any]], None]


def build_environment(benchmark: str, setup: Setup) -> Environment:
    """A benchmark's environment. REAL Bench's is imported only when needed, because its SDK is optional."""
    if benchmark == MiniWob.name:
        return MiniWob()
    from harness.envs.real import RealEnvironment

    return RealEnvironment(setup.sites)


class Attempts:
    """Runs one attempt after another. Each benchmark's environment is made when the first attempt needs it."""

    def __init__(self, setup: Setup, policy: Policy, playwright: Playwright, send: Send) -> None:
        self._setup, self._policy, self._playwright, self._send = setup, policy, playwright, send
        self._environments: dict[str, Environment] = {}
        self._helpers = helpers_for(
            setup.settings, setup.out, setup.cache, setup.skills, lambda: build_policy(setup.settings, "manager")
        )

    def _environment(self, job: Job) -> Environment:
        benchmark = benchmark_of(job.task_id)
        if benchmark not in self._environments:
            self._environments[benchmark] = build_environment(benchmark, self._setup)
        return self._environments[benchmark]

    def close(self) -> None:
        """End the browsers and the servers."""
        for environment in self._environments.values():
            environment.close()

    def run(self, job: Job, trace_id: str) -> tuple[Result, AttemptError | None, Progress]:
        """One attempt with its spans written; an AttemptError is returned beside the result that records it."""
        setup, started, environment = self._setup, now(), self._environment(job)
        tracer = Tracer(spans_of(setup, job), trace_id, resource_for(setup, job))
        # Making the page is part of the attempt: the supervisor's clock runs already.
        deadline = time.monotonic() + setup.settings.limits.seconds
        loop: AttemptLoop | None = None
        end: AttemptEnd | None = None
        problem: AttemptError | None = None
        try:
            loop = AttemptLoop(
                job=job,
                page=environment.page(self._playwright, job, headless=setup.headless),
                environment=environment,
                policy=self._policy,
                settings=setup.settings,
                tracer=tracer,
                deadline=deadline,
                report=lambda p: self._send({"event": "progress", "progress": p.model_dump()}),
                helpers=self._helpers,
                artifacts=artifact_folder(Path(setup.out), setup.mode, job),
            )
            end = loop.run()
        except AttemptError as error:
            problem = error
        except Error as error:
            problem = AttemptError(Cause.BROWSER_DIED, f"the browser died: {' '.join(str(error).split())[:200]}")
        if problem is not None:
            environment.drop()
        used = loop.progress if loop else Progress()
        result = finish(setup, job, tracer, trace_id, started=started, progress=used, end=end, problem=problem)
        return result, problem, used


def _listen(channel: "Channel", jobs: "queue.Queue[dict[str, Any]]") -> None:
    """Pass on what the supervisor sends; when it is gone, end this process and the browser at once."""
    while True:
        try:
            jobs.put(json.loads(channel.read()))
        except EOFError:
            kill_tree(os.getpid())


def serve(jobs: "queue.Queue[dict[str, Any]]", send: Send) -> None:
    """Run attempts until told to stop. A browser that died is replaced before the next attempt."""
    setup = Setup.model_validate(jobs.get())
    policy = build_policy(setup.settings, "worker")

    def send_and_pause(message: dict[str, Any]) -> None:
        send(message)
        if setup.pause and message["event"] == "progress" and message["progress"]["steps"]:
            jobs.get()  # the supervisor's message to go on

    with sync_playwright() as playwright:
        find_chromium(playwright.chromium.executable_path)
        attempts = Attempts(setup, policy, playwright, send_and_pause)
        send({"event": "ready"})
        while (message := jobs.get()).get("do") == "attempt":
            result, problem, progress = attempts.run(Job.model_validate(message["job"]), message["trace_id"])
            send(
                {
                    "event": "finished",
                    "result": result.model_dump(),
                    "problem": str(problem) if problem else None,
                    "traceback": traceback_of(problem) if problem else None,
                    "systemic": isinstance(problem, BrowserDown) or type(problem).__name__ == "ModelDown",
                    "model_answered": progress.model_answered,
                }
            )
        attempts.close()


def main(channel: "Channel") -> None:
    """Entry point of the child process; every failure reaches the supervisor as one message."""
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    channel.keep_output()
    send = channel.send
    threading.Thread(target=_listen, args=(channel, jobs), daemon=True).start()
    try:
        serve(jobs, send)
    except HarnessError as error:
        send({"event": "fatal", "message": str(error), "exit_code": error.exit_code})
    # The process's edge: whatever went wrong, the supervisor must get a message, and the browser must not stay.
    except Exception as error:
        full = no_room(error)
        text = str(full) if full else f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        code = full.exit_code if full else 1
        send({"event": "fatal", "message": text, "exit_code": code, "traceback": traceback_of(error)})
    finally:
        kill_tree(os.getpid(), itself=False)
