"""What a benchmark must offer. Pure data and one protocol."""

from typing import Protocol

from playwright.sync_api import Page
from pydantic import BaseModel, ConfigDict


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
    """A benchmark that is being served at `address` (host:port).

    Methods raise AttemptError when the benchmark itself fails. `exclude` selects what of a document is not the page.
    """

    exclude: str
    address: str

    def start(self, page: Page, task_id: str, seed: int) -> str:
        """Put the page at the start of the task and return the goal."""
        ...

    def state(self, page: Page) -> TaskState:
        """Where the task stands."""
        ...

    def close(self) -> None:
        """Stop serving."""
        ...
