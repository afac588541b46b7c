"""What a benchmark must offer. Pure data and one protocol."""

from typing import Protocol

from playwright.sync_api import Page, Playwright, ViewportSize
from pydantic import BaseModel, ConfigDict

from harness.record.results import Job


class TaskInfo(BaseModel):
    """A task of the table. `horizon` is the least number of actions that reach the goal on a typical seed.

    `stated` says that the goal itself holds the words of every target and value: nothing has to be read off the
    page, looked for, worked out or known. Both are read from the task's own page, never from how an agent does.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    family: str
    horizon: int | None
    usable: bool
    stated: bool = False
    why_not: str = ""


class TaskState(BaseModel):
    """Whether the task has ended, and its score (0..1, None while it goes on)."""

    model_config = ConfigDict(frozen=True)

    over: bool
    score: float | None


class Environment(Protocol):
    """A benchmark: it has the browser, the pages and the grader.

    Methods raise AttemptError when the benchmark itself fails, never for what an agent did. `exclude` selects what of
    a document is not the agent's page.
    """

    name: str
    exclude: str
    viewport: ViewportSize

    def page(self, playwright: Playwright, job: Job, *, headless: bool) -> Page:
        """A page with no trace of the attempt before; the browser is started when there is none."""
        ...

    def start(self, page: Page, job: Job) -> str:
        """Put the page at the start of the task and return the goal."""
        ...

    def state(self, page: Page) -> TaskState:
        """Where the task stands while the agent works on it. May never show the agent how it will be graded."""
        ...

    def finish(self, page: Page, answer: str | None) -> TaskState:
        """The agent is done, with its answer to the user, or its steps have run out (None): the final state."""
        ...

    def drop(self) -> None:
        """Throw away what an attempt left in a doubtful state; the next `page` starts afresh."""
        ...

    def close(self) -> None:
        """Stop serving, and end the browser."""
        ...
