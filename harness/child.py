"""The process that owns a browser and runs attempts one after another, told by lines on stdin, answering on stdout.

It ends itself and its browser when its supervisor is gone: stdin closes, and a thread that no hung page can hold up
kills the whole tree.
"""

import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, cast

from playwright.sync_api import Browser, BrowserContext, Error, Page, ViewportSize, sync_playwright

from harness.browser import launch
from harness.config import HarnessSettings
from harness.envs.base import Environment
from harness.envs.miniwob import MiniWob
from harness.errors import AttemptError, Cause, HarnessError, no_room, traceback_of
from harness.obs.observe import LISTEN_SCRIPT
from harness.orchestrator import AttemptLoop, Ending, Progress
from harness.policy.base import Policy
from harness.policy.rules import RulesPolicy
from harness.processes import kill_tree
from harness.results import Job, Result
from harness.setup import Setup, finish, resource_for, spans_of
from harness.tracing import Tracer, now

VIEWPORT: ViewportSize = {"width": 640, "height": 480}
Answer = Callable[[dict[str, Any]], None]
ACTION_MS = 5_000
LOAD_MS = 15_000


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
    """One browser and one page, used for attempt after attempt.

    A fresh context costs about a second on a small machine, a page whose scripts are cached a fifth of that. So the
    page is kept, its storage is cleared between attempts, and any trouble throws the whole context away.
    """

    def __init__(self, setup: Setup, policy: Policy, environment: Environment, answer: Answer) -> None:
        self._setup, self._policy, self._env, self._answer = setup, policy, environment, answer
        self._context: BrowserContext | None = None

    def _page(self, browser: Browser) -> Page:
        """A page with no trace of the attempt before."""
        if self._context is None:
            self._context = browser.new_context(viewport=VIEWPORT)
            self._context.set_default_timeout(ACTION_MS)
            self._context.set_default_navigation_timeout(LOAD_MS)
            self._context.add_init_script(LISTEN_SCRIPT)
            return self._context.new_page()
        first, *rest = self._context.pages
        for other in rest:
            other.close()
        self._context.clear_cookies()
        first.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        return first

    def _fresh_page(self, browser: Browser) -> Page:
        try:
            return self._page(browser)
        except (Error, ValueError):  # the old page was closed, or has left the benchmark's origin: start over
            self._drop()
            return self._page(browser)

    def _drop(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            with contextlib.suppress(Error):  # a dead browser has nothing left to close
                context.close()

    def run(self, browser: Browser, job: Job, trace_id: str) -> tuple[Result, AttemptError | None, Progress]:
        """One attempt with its spans written; an AttemptError is returned beside the result that records it."""
        setup, started = self._setup, now()
        tracer = Tracer(spans_of(setup, job), trace_id, resource_for(setup, job))
        loop: AttemptLoop | None = None
        ending: Ending | None = None
        problem: AttemptError | None = None
        try:
            loop = AttemptLoop(
                job=job,
                page=self._fresh_page(browser),
                environment=self._env,
                policy=self._policy,
                settings=setup.settings,
                tracer=tracer,
                deadline=time.monotonic() + setup.settings.limits.seconds,
                report=lambda p: self._answer({"event": "progress", "progress": p.model_dump()}),
            )
            ending = loop.run()
        except AttemptError as error:
            problem = error
        except Error as error:
            problem = AttemptError(Cause.BROWSER_DIED, f"the browser died: {' '.join(str(error).split())[:200]}")
        if problem is not None:
            self._drop()
        used = loop.progress if loop else Progress()
        result = finish(setup, job, tracer, trace_id, started=started, progress=used, ending=ending, problem=problem)
        return result, problem, used


def _listen(stream: IO[str], jobs: "queue.Queue[dict[str, Any]]") -> None:
    """Pass on what the supervisor says; when it is gone, end this process and the browser at once."""
    for line in stream:
        jobs.put(json.loads(line))
    kill_tree(os.getpid())


def serve(jobs: "queue.Queue[dict[str, Any]]", answer: Answer) -> None:
    """Run attempts until told to stop. A browser that died is replaced before the next attempt."""
    setup = Setup.model_validate(jobs.get())
    policy, environment = build_policy(setup.settings), MiniWob()

    def tell(frame: dict[str, Any]) -> None:
        answer(frame)
        if setup.pause and frame["event"] == "progress" and frame["progress"]["steps"]:
            jobs.get()  # the supervisor's word to go on

    attempts = Attempts(setup, policy, environment, tell)
    with sync_playwright() as playwright:
        browser = launch(playwright, headless=setup.headless, address=environment.address)
        answer({"event": "ready"})
        while (message := jobs.get()).get("do") == "attempt":
            if not browser.is_connected():
                browser = launch(playwright, headless=setup.headless, address=environment.address)
            job = Job.model_validate(message["job"])
            result, problem, progress = attempts.run(browser, job, message["trace_id"])
            answer(
                {
                    "event": "finished",
                    "result": result.model_dump(),
                    "problem": str(problem) if problem else None,
                    "traceback": traceback_of(problem) if problem else None,
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
        full = no_room(error)
        words = str(full) if full else f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        code = full.exit_code if full else 1
        answer({"event": "fatal", "message": words, "exit_code": code, "traceback": traceback_of(error)})
    finally:
        kill_tree(os.getpid(), itself=False)


if __name__ == "__main__":
    main()
