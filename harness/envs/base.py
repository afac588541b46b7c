"""The protocol of a benchmark, and its data."""

from typing import Protocol

from playwright.sync_api import Page, Playwright, ViewportSize
from pydantic import BaseModel, ConfigDict

from harness.record.results import Job


class TaskInfo(BaseModel):
    """A task.

    Attributes:
        id: Its id.
        family: The kind of task, or its site.
        horizon: The least number of actions that reach the goal on a typical seed; None where unknown.
        usable: Whether the harness can run it.
        stated: Whether the goal names every target and value, so that nothing has to be read, searched or computed.
        why_not: Why it is not usable.

    `horizon` and `stated` come from the task's page, not from how agents do on it.
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
    """A benchmark with its browser, pages and grader.

    Methods raise AttemptError when the benchmark itself fails, not for what an agent did. `exclude` is a selector of
    the elements of a document that are not part of the agent's page.
    """

    name: str
    exclude: str
    viewport: ViewportSize

    def page(self, playwright: Playwright, job: Job, *, headless: bool) -> Page:
        """A page without state of earlier attempts. The browser is started when there is none."""
        ...

    def start(self, page: Page, job: Job) -> str:
        """Load the start of the task and return the goal."""
        ...

    def state(self, page: Page) -> TaskState:
        """The task's state while the agent works on it."""
        ...

    def finish(self, page: Page, answer: str | None) -> TaskState:
        """The final, graded state. `answer` is the agent's answer to the user; None when its steps have run out."""
        ...

    def drop(self) -> None:
        """Discard page and browser state after an error; the next `page` starts afresh."""
        ...

    def close(self) -> None:
        """Stop serving, and end the browser."""
        ...
