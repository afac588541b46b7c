"""MiniWoB++, from the HTML in the `miniwob` package.

The package is located, not imported: it would need a browser driver that is not used here.
"""

import contextlib
import csv
import importlib.util
from functools import lru_cache
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, ViewportSize

from harness.core.errors import AttemptError, Cause, EnvironmentMissing
from harness.envs.base import TaskInfo, TaskState
from harness.envs.browser import launch, prepare_context
from harness.envs.static_server import StaticServer
from harness.record.results import Job

PREFIX = "miniwob."
TABLE = Path(__file__).parent / "miniwob_tasks.csv"
# Parts of the document that belong to the benchmark, not to the page that the agent works on.
EXCLUDE = "#query, #reward-display, #sync-task-cover, #click-canvas"
READY_MS = 10_000
# The benchmark's time limit is set to the most that a timer can hold, because the harness has its own.
_START = """(seed) => {
  Math.seedrandom(String(seed));
  core.EPISODE_MAX_TIME = 2e9;
  core.startEpisodeReal();
  const goal = core.getUtterance();
  return typeof goal === "string" ? goal : goal.utterance;
}"""
_STATE = "() => ({over: WOB_DONE_GLOBAL === true, raw: WOB_RAW_REWARD_GLOBAL})"
_READY = "() => window.core && core.cover_div != null && WOB_TASK_READY"


def html_folder() -> Path:
    """Where the installed package keeps its HTML."""
    spec = importlib.util.find_spec("miniwob")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "html"
        if folder.is_dir():
            return folder
    raise EnvironmentMissing("the MiniWoB++ pages are missing; install them with 'pip install --no-deps miniwob'")


@lru_cache(maxsize=1)
def tasks() -> tuple[TaskInfo, ...]:
    """The task table, usable or not, by id."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        TaskInfo(
            id=PREFIX + row["name"],
            family=row["family"],
            horizon=int(row["horizon"]) if row["horizon"] else None,
            stated=row["stated"] == "yes",
            usable=not row["why_not"],
            why_not=row["why_not"],
        )
        for row in sorted(rows, key=lambda r: r["name"])
    )


class MiniWob:
    """The benchmark served on a loopback port, and one browser with one page for all attempts.

    A new context costs about a second on a small machine, a page whose scripts are cached a fifth of that. So the page
    is kept and its storage cleared between attempts; after an error the whole context is discarded.
    """

    name = "miniwob"
    exclude = EXCLUDE

    def __init__(self) -> None:
        self.viewport: ViewportSize = {"width": 640, "height": 480}
        self._server = StaticServer(html_folder())
        self.address = self._server.base.removeprefix("http://")
        self._browser: Browser | None = None
        self._context: BrowserContext | None = None

    def page(self, playwright: Playwright, job: Job, *, headless: bool) -> Page:  # noqa: ARG002  every task shares it
        """The page with its storage cleared; a new one where there is none or an error occurred."""
        if self._browser is None or not self._browser.is_connected():
            self._context = None
            self._browser = launch(playwright, headless=headless, addresses=[self.address])
        try:
            return self._clean_page(self._browser)
        except (Error, ValueError):  # the old page was closed, or has left the benchmark's origin: start over
            self.drop()
            return self._clean_page(self._browser)

    def _clean_page(self, browser: Browser) -> Page:
        if self._context is None:
            self._context = browser.new_context(viewport=self.viewport)
            prepare_context(self._context)
            return self._context.new_page()
        first, *rest = self._context.pages
        for other in rest:
            other.close()
        self._context.clear_cookies()
        first.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        return first

    def start(self, page: Page, job: Job) -> str:
        """Load the task, seed it, start it, and return its goal."""
        name = job.task_id.removeprefix(PREFIX)
        reply = page.goto(f"{self._server.base}/miniwob/{name}.html", wait_until="load")
        if reply is not None and reply.status >= 400:
            raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{job.task_id} did not load (status {reply.status})")
        page.wait_for_function(_READY, timeout=READY_MS)
        goal = page.evaluate(_START, job.seed)
        if not isinstance(goal, str) or not goal.strip():
            raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{job.task_id} with seed {job.seed} gave no goal")
        return " ".join(goal.split())

    def state(self, page: Page) -> TaskState:
        """Over when the task says so. The score from 0 to 1 is the raw reward, without time penalties."""
        data = page.evaluate(_STATE)
        if not data["over"]:
            return TaskState(over=False, score=None)
        return TaskState(over=True, score=min(1.0, max(0.0, float(data["raw"]))))

    def finish(self, page: Page, answer: str | None) -> TaskState:  # noqa: ARG002  no task asks for an answer
        """The state that the page reports: a task that is not over has not been solved."""
        return self.state(page)

    def drop(self) -> None:
        """Close the context; the browser stays."""
        context, self._context = self._context, None
        if context is not None:
            with contextlib.suppress(Error):  # a dead browser has nothing left to close
                context.close()

    def close(self) -> None:
        """Stop serving, and end the browser."""
        if self._browser is not None:
            with contextlib.suppress(Error):
                self._browser.close()
        self._server.close()
