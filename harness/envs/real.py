"""REAL Bench: the SDK's environment, tasks and graders, driven by our own loop. The only importer of agisdk.

The agent cannot see how it will be graded, what cannot be graded is an error, and nothing is sent to a leaderboard.
Each workaround for a defect of the SDK (0.3.5) is here, with a comment that names the defect.
"""

import contextlib
import io
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import Browser, Error, Page, Playwright, ViewportSize
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from harness.act.execute import browser_died
from harness.core.errors import AttemptError, Cause, EnvironmentMissing
from harness.envs.base import TaskState
from harness.envs.browser import LOAD_MS, launch, prepare_context
from harness.envs.registry import INSTALL
from harness.envs.request_blocker import RequestBlocker
from harness.envs.sites import Sites
from harness.record.results import Job

FINISH_SECONDS = 20.0
WHOLE_SECONDS = 3.0
QUIET_MS = 3_000
LOOK_AGAIN_MS = 200


class NullChat:
    """Replaces the SDK's chat window, which is a second browser that is not needed (about 1 s and 1 GB each)."""

    def __init__(self, **_: object) -> None:
        self.messages: list[dict[str, str]] = []

    def add_message(self, role: str, msg: str) -> None:
        """Keep the message: the SDK reads the last one."""
        self.messages.append({"role": role, "message": msg})

    def close(self) -> None:
        """Nothing to close."""


@lru_cache(maxsize=1)
def load_sdk() -> SimpleNamespace:
    """The parts of the SDK that are used, imported when the first attempt needs them (two seconds)."""
    # Defect: a RUNID in the environment turns every attempt into a submission to the public leaderboard.
    os.environ.pop("RUNID", None)
    # Defect: rich markup in a site's state crashes the grader's log line.
    os.environ["DISABLE_RICH_LOGGING"] = "true"
    try:
        with _quiet():
            import gymnasium
            from agisdk.REAL.browsergym import core
            from agisdk.REAL.browsergym.core import env
            from agisdk.REAL.browsergym.webclones.base import AbstractWebCloneTask
    except ImportError as error:
        raise EnvironmentMissing(f"REAL Bench's SDK does not load ({error}); run '{INSTALL}'") from None
    # Defect: every reset opens a chat window in a browser of its own.
    env.Chat = NullChat
    return SimpleNamespace(gym=gymnasium, core=core, task=AbstractWebCloneTask)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide output. Defect: the SDK prints goals, the whole graded state, and warnings about itself."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _message(error: object) -> str:
    """The message of an error, without the browser driver's call log."""
    return " ".join(str(error).partition("Call log:")[0].split())[:200]


def _task_class(locate: Callable[[str, str], str], blocker: Callable[[], RequestBlocker]) -> type[Any]:
    """The SDK's task class, with a site's address from `locate` and the graded state behind the request blocker."""

    class Task(load_sdk().task):  # type: ignore[misc]  # a base class that is loaded when needed
        def __init__(self, seed: int, **given: Any) -> None:
            with _quiet():
                super().__init__(seed, **given)
            self.run_id = "0"
            # Defect: nearly all task urls end in "/", and the SDK puts "/config" behind it.
            config = self.task_config
            self.url = locate(config.config_json["website"]["id"], config.get_start_url()).rstrip("/")
            self.slow_mo = 0  # Defect: a second of waiting before every browser command.
            self.timeout = LOAD_MS  # Defect: five seconds for everything, a real site's first load included.

        def setup(self, page: Page) -> tuple[str, dict[str, Any]]:
            """Reset the site, then open its start page in the agent's page."""
            prepare_context(page.context)
            self.page, self.background_page = page, page.context.new_page()
            with blocker().allow(self.background_page):
                _opened(self.background_page, f"{self.url}/config?run_id=0&task_id={self.canonical_task_id}&latency=0")
                with contextlib.suppress(PlaywrightTimeout):  # a site whose network never rests is reset all the same
                    self.background_page.wait_for_load_state("networkidle", timeout=QUIET_MS)
                _opened(self.background_page, f"{self.url}/finish")
                with contextlib.suppress(PlaywrightTimeout):
                    self.background_page.wait_for_selector("pre", timeout=QUIET_MS)
            # Defect: the graded state stays open in a page of the agent's own browser.
            self.background_page.goto("about:blank")
            page.bring_to_front()
            _opened(page, self.url)
            return self.goal, {}

        def read_state(self, seconds: float) -> dict[str, Any]:
            """The graded state at `/finish`. Defect: the SDK gives the page one second, and accepts any status."""
            deadline = time.monotonic() + seconds
            with blocker().allow(self.background_page):
                reply = self.background_page.goto(self.url + "/finish", wait_until="commit", timeout=seconds * 1000)
                if reply is not None and reply.status >= 400:
                    raise AttemptError(Cause.GRADING_FAILED, f"{self.url}/finish answered with status {reply.status}")
                return _state_in(self.background_page, deadline)

    return Task


def _opened(page: Page, url: str) -> None:
    reply = page.goto(url)
    if reply is not None and reply.status >= 400:
        raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{url.partition('?')[0]} answered with status {reply.status}")


def _state_in(page: Page, deadline: float) -> dict[str, Any]:
    """The JSON in the page's `<pre>`, read again until it is complete or the deadline passes."""
    why: str | None = None
    while True:
        left = deadline - time.monotonic()
        try:
            found = json.loads(page.locator("pre").first.inner_text(timeout=max(1.0, left * 1000)))
        except PlaywrightTimeout:
            if why is None:
                raise
        except json.JSONDecodeError as error:
            deadline = deadline if why else min(deadline, time.monotonic() + WHOLE_SECONDS)
            why = str(error)
        else:
            if isinstance(found, dict) and {"initialfinaldiff", "differences"} & set(found):
                return found
            raise AttemptError(Cause.GRADING_FAILED, "/finish holds JSON, but no state that can be graded")
        if time.monotonic() >= deadline:
            raise AttemptError(Cause.GRADING_FAILED, f"/finish does not hold JSON: {why}")
        page.wait_for_timeout(LOOK_AGAIN_MS)


def verdict(task: Any, state: dict[str, Any], answer: str) -> float:
    """The score from 0 to 1, by the SDK's own grader. Raises AttemptError where the grader gave no judgement."""
    with _quiet():
        reward, _, _, info = task.evaluator.evaluate(state, answer)
    # Defect: the SDK gives 0 where a grader crashed, was cut off or printed nothing.
    for _, report in info["results"]:
        script = report.get("script", "the grader")
        if report.get("error"):
            raise AttemptError(Cause.GRADING_FAILED, f"the grader failed: {_message(report['error'])}")
        output = str(report.get("output", "")).upper()
        if "SUCCESS" not in output and "FAIL" not in output:
            last = (str(report.get("stderr") or "").strip().splitlines() or ["no output"])[-1]
            raise AttemptError(Cause.GRADING_FAILED, f"{script} printed neither SUCCESS nor FAILURE ({last[:200]})")
    points = float(task.task_config.task.points) or 1.0
    return min(1.0, max(0.0, float(reward) / points))


class RealEnvironment:
    """REAL Bench with a new browser for each attempt, so that no state is left over.

    Args:
        sites: Where the tasks' sites are: `real`, `local`, or addresses.
        finish_seconds: How long the graded state may take to appear.
    """

    name = "real"
    # No element of these documents belongs to the benchmark.
    exclude = "halo-nothing"

    def __init__(self, sites: str = "real", *, finish_seconds: float = FINISH_SECONDS) -> None:
        self.viewport: ViewportSize = {"width": 1280, "height": 720}
        self._sites = Sites(sites)
        self._finish_seconds = finish_seconds
        self._browser: Browser | None = None
        self._blocker: RequestBlocker | None = None
        self._task: Any = None

    def page(self, playwright: Playwright, job: Job, *, headless: bool) -> Page:
        """The task's site in a new browser, opened by the SDK's own environment."""
        self.drop()
        sdk = load_sdk()
        gym = sdk.gym.make(
            f"browsergym/{job.task_id}", disable_env_checker=True, pw_context_kwargs={"service_workers": "block"}
        ).unwrapped
        gym.task_entrypoint = _task_class(self._sites.url, self._installed_blocker)
        # Defect: its observation is slow (DOM snapshot, marks on every element) and not used here.
        gym._get_obs = dict

        # Defect: it launches a browser of its own, whose executable and network access cannot be set.
        def start_browser(**_: object) -> Browser:
            self._browser = launch(playwright, headless=headless, addresses=self._sites.addresses)
            self._blocker = RequestBlocker(self._browser)
            return self._browser

        sdk.core._set_global_playwright(
            SimpleNamespace(selectors=playwright.selectors, chromium=SimpleNamespace(launch=start_browser))
        )
        try:
            with _quiet():
                gym.reset(seed=job.seed)
        except Error as error:
            if browser_died(error):
                raise
            raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{job.task_id} did not start: {_message(error)}") from None
        self._task = gym.task
        page: Page = gym.task.page
        return page

    def _installed_blocker(self) -> RequestBlocker:
        assert self._blocker is not None
        return self._blocker

    def start(self, page: Page, job: Job) -> str:  # noqa: ARG002  `page` has started the task already
        """The goal."""
        return " ".join(str(self._task.goal).split())

    def state(self, page: Page) -> TaskState:  # noqa: ARG002  nothing is known before grading
        """Not over: only the agent ends a task."""
        return TaskState(over=False, score=None)

    def finish(self, page: Page, answer: str | None) -> TaskState:
        """Read the graded state and grade it. Raises AttemptError where that is not possible."""
        with contextlib.suppress(Error):  # requests of the last action should arrive before grading
            page.wait_for_load_state("load", timeout=QUIET_MS)
        try:
            found = self._task.read_state(self._finish_seconds)
        except PlaywrightTimeout:
            message = f"{self._task.url}/finish showed no state within {self._finish_seconds:g} s"
            raise AttemptError(Cause.GRADING_FAILED, message) from None
        except Error as error:
            if browser_died(error):
                raise
            raise AttemptError(Cause.GRADING_FAILED, f"/finish could not be read: {_message(error)}") from None
        return TaskState(over=True, score=verdict(self._task, found, answer or ""))

    def drop(self) -> None:
        """End the browser."""
        browser, self._browser, self._blocker, self._task = self._browser, None, None, None
        if browser is not None:
            with contextlib.suppress(Error):  # a dead browser has nothing left to close
                browser.close()

    def close(self) -> None:
        """End the browser, and stop serving."""
        self.drop()
        self._sites.close()
