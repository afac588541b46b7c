"""MiniWoB++ from the HTML that the `miniwob` package carries: the only place that knows this benchmark.

The package is located, never imported: it would want a browser driver that is not used here.
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
# The benchmark's own clock is set aside (the harness has its limits), just below what a timer can hold.
_START = """(seed) => {
  Math.seedrandom(String(seed));
  core.EPISODE_MAX_TIME = 2e9;
  core.startEpisodeReal();
  const said = core.getUtterance();
  return typeof said === "string" ? said : said.utterance;
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
    """The benchmark served on a loopback port, and one browser with one page for attempt after attempt.

    A fresh context costs about a second on a small machine, a page whose scripts are cached a fifth of that. So the
    page is kept, its storage is cleared between attempts, and any details throws the whole context away.
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
        """The page that is kept, wiped; a new one where there is none or it cannot be trusted."""
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
        """Load the task, seed it and start it; the goal in words."""
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
        """Over when the task says so; the raw reward, free of time penalties, as a score of 0..1."""
        data = page.evaluate(_STATE)
        if not data["over"]:
            return TaskState(over=False, score=None)
        return TaskState(over=True, score=min(1.0, max(0.0, float(data["raw"]))))

    def finish(self, page: Page, answer: str | None) -> TaskState:  # noqa: ARG002  no task asks for an answer
        """The page itself knows: a task that is not over has not been solved."""
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
