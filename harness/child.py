"""The process that owns a browser and runs attempts one after another, told by lines on stdin, answering on stdout.

It ends itself and its browser when its supervisor is gone: stdin closes, and a thread that no hung page can hold up
kills the whole tree.
"""

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, cast

from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, sync_playwright
from pydantic import BaseModel, ConfigDict

from harness.browser import launch
from harness.config import HarnessSettings
from harness.envs.base import Environment
from harness.envs.miniwob import MiniWob
from harness.errors import AttemptError, Cause, HarnessError
from harness.obs.observe import LISTEN_SCRIPT
from harness.orchestrator import AttemptLoop, Progress
from harness.policy.base import Policy
from harness.policy.rules import RulesPolicy
from harness.processes import kill_tree
from harness.results import Job, Result
from harness.tracing import Tracer, now, resource_of, root_attributes, span_file

SUCCESS = 0.99
VIEWPORT = {"width": 640, "height": 480}
ACTION_MS = 5_000
LOAD_MS = 15_000


class Setup(BaseModel):
    """What a child is told first."""

    model_config = ConfigDict(frozen=True)

    settings: HarnessSettings
    out: str
    mode: str
    headless: bool
    revision: str
    run_id: str


def build_policy(settings: HarnessSettings) -> Policy:
    """The policy that the settings ask for. The model client is loaded only when it is wanted: it is slow to import."""
    if settings.worker == "rules":
        return RulesPolicy(settings)
    from harness.policy.chat import ChatClient
    from harness.policy.examples import load_examples
    from harness.policy.openai_compatible import OpenAICompatiblePolicy
    from harness.prompts import Prompts

    client = ChatClient(settings.model, os.environ.get(settings.model.api_key_env) or "none")
    return OpenAICompatiblePolicy(settings, Prompts(), load_examples(), client)


class Attempts:
    """One browser, used for attempt after attempt; each gets a context of its own."""

    def __init__(self, setup: Setup, policy: Policy, environment: Environment, answer: Any) -> None:
        self._setup, self._policy, self._env, self._answer = setup, policy, environment, answer

    def _route(self, route: Route) -> None:
        if self._env.allows(route.request.url):
            route.continue_()
        else:
            route.abort()

    def _open(self, browser: Browser) -> tuple[BrowserContext, Page]:
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        context.set_default_timeout(ACTION_MS)
        context.set_default_navigation_timeout(LOAD_MS)
        context.add_init_script(LISTEN_SCRIPT)
        return context, context.new_page()

    def run(self, browser: Browser, job: Job, trace_id: str) -> tuple[Result, AttemptError | None, Progress]:
        """One attempt with its spans written; an AttemptError is returned beside the result that records it."""
        setup, started = self._setup, now()
        settings = setup.settings
        resource = resource_of(
            job, mode=setup.mode, model=model_name(settings), revision=setup.revision, run_id=setup.run_id
        )
        tracer = Tracer(span_file(Path(setup.out), setup.mode, job), trace_id, resource)
        progress, problem, score, reason, words = Progress(), None, None, "error", ""
        context: BrowserContext | None = None
        loop: AttemptLoop | None = None
        try:
            context, page = self._open(browser)
            loop = AttemptLoop(
                job=job, page=page, environment=self._env, policy=self._policy, settings=settings, tracer=tracer,
                deadline=time.monotonic() + settings.limits.seconds,
                report=lambda p: self._answer({"event": "progress", "progress": p.model_dump()}),
            )  # fmt: skip
            ending = loop.run()
            score = ending.state.score if ending.state.score is not None else 0.0
            reason, words = ending.reason, ending.words
        except AttemptError as error:
            problem, words = error, str(error)
        except Error as error:
            problem = AttemptError(Cause.BROWSER_DIED, f"the browser died: {' '.join(str(error).split())[:200]}")
            words = str(problem)
        finally:
            if context is not None and (problem is None or problem.cause is not Cause.BROWSER_DIED):
                _close(context)
        progress = loop.progress if loop else progress
        outcome = "error" if problem else "success" if score is not None and score > SUCCESS else "failure"
        cause = problem.cause.value if problem else None
        tracer.write(
            "attempt",
            root_attributes(
                goal=progress.goal, outcome=outcome, score=None if problem else score, cause=cause, end_reason=reason,
                step_limit=settings.limits.steps, words=words,
            ),
            start=started, end=now(), parent="", span_id=tracer.root_id, error=words if problem else None,
        )  # fmt: skip
        result = Result(
            **job.model_dump(), trace_id=trace_id, outcome=outcome, score=None if problem else score, cause=cause,
            steps=progress.steps, tokens_in=progress.tokens_in, tokens_out=progress.tokens_out,
            cost_usd=cost_of(settings, progress), started_at=started, ended_at=now(),
        )  # fmt: skip
        return result, problem, progress


def model_name(settings: HarnessSettings) -> str:
    """What decided, for the record: the model, or the rules."""
    return "rules" if settings.worker == "rules" else settings.model.name


def cost_of(settings: HarnessSettings, progress: Progress) -> float | None:
    """US dollars, or None where prices or counts are not known."""
    model = settings.model
    if settings.worker == "rules":
        return 0.0
    if model.usd_per_million_in is None or model.usd_per_million_out is None or progress.tokens_in is None:
        return None
    return (
        progress.tokens_in * model.usd_per_million_in + (progress.tokens_out or 0) * model.usd_per_million_out
    ) / 1e6


def _close(context: BrowserContext) -> None:
    try:
        context.close()
    except Error:
        return  # a dead browser has nothing left to close


def _listen(stream: IO[str], jobs: "queue.Queue[dict[str, Any]]") -> None:
    """Pass on what the supervisor says; when it is gone, end this process and the browser at once."""
    for line in stream:
        jobs.put(json.loads(line))
    kill_tree(os.getpid())


def serve(jobs: "queue.Queue[dict[str, Any]]", answer: Any) -> None:
    """Run attempts until told to stop. A browser that died is replaced before the next attempt."""
    setup = Setup.model_validate(jobs.get())
    policy, environment = build_policy(setup.settings), MiniWob()
    attempts = Attempts(setup, policy, environment, answer)
    with sync_playwright() as playwright:
        browser = launch(playwright, headless=setup.headless)
        answer({"event": "ready"})
        while (message := jobs.get()).get("do") == "attempt":
            if not browser.is_connected():
                browser = launch(playwright, headless=setup.headless)
            job = Job.model_validate(message["job"])
            result, problem, progress = attempts.run(browser, job, message["trace_id"])
            answer(
                {
                    "event": "finished",
                    "result": result.model_dump(),
                    "problem": str(problem) if problem else None,
                    "systemic": type(problem).__name__ == "ModelDown",
                    "model_answered": progress.model_answered,
                }
            )
        browser.close()
    environment.close()


def main() -> None:
    """Entry point of the child process; every failure reaches the supervisor as one line."""
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    # The protocol has the real stdout to itself; whatever a library prints goes to stderr.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(frame: dict[str, Any]) -> None:
        channel.write(json.dumps(frame) + "\n")
        channel.flush()

    threading.Thread(target=_listen, args=(cast(IO[str], sys.stdin), jobs), daemon=True).start()
    try:
        serve(jobs, answer)
    except HarnessError as error:
        answer({"event": "fatal", "message": str(error), "exit_code": error.exit_code})
    # The process's edge: whatever went wrong, the supervisor must hear of it in words, and the browser must not stay.
    except Exception as error:
        answer({"event": "fatal", "message": f"{type(error).__name__}: {error}", "exit_code": 1})
    finally:
        kill_tree(os.getpid(), itself=False)


if __name__ == "__main__":
    main()
