"""MiniWoB++ from the HTML that the `miniwob` package carries: the only place that knows this benchmark.

The package is located, never imported: it would want a browser driver that is not used here.
"""

import csv
import importlib.util
from functools import lru_cache
from pathlib import Path

from playwright.sync_api import Page

from harness.envs.base import TaskInfo, TaskState
from harness.envs.static_server import StaticServer
from harness.errors import AttemptError, Cause, EnvironmentMissing

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
    """The benchmark served on a loopback port."""

    exclude = EXCLUDE

    def __init__(self) -> None:
        self._server = StaticServer(html_folder())
        self.address = self._server.base.removeprefix("http://")

    def start(self, page: Page, task_id: str, seed: int) -> str:
        """Load the task, seed it and start it; the goal in words."""
        name = task_id.removeprefix(PREFIX)
        reply = page.goto(f"{self._server.base}/miniwob/{name}.html", wait_until="load")
        if reply is not None and reply.status >= 400:
            raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{task_id} did not load (status {reply.status})")
        page.wait_for_function(_READY, timeout=READY_MS)
        goal = page.evaluate(_START, seed)
        if not isinstance(goal, str) or not goal.strip():
            raise AttemptError(Cause.ENVIRONMENT_ERROR, f"{task_id} with seed {seed} gave no goal")
        return " ".join(goal.split())

    def state(self, page: Page) -> TaskState:
        """Over when the task says so; the raw reward, free of time penalties, as a score of 0..1."""
        data = page.evaluate(_STATE)
        if not data["over"]:
            return TaskState(over=False, score=None)
        return TaskState(over=True, score=min(1.0, max(0.0, float(data["raw"]))))

    def close(self) -> None:
        """Stop serving."""
        self._server.close()
