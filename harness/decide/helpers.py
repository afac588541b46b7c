"""What an attempt may fall back on besides its worker: the cache's book, macro skills, the manager. Runs nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import UsageError
from harness.decide.cache.attempt_cache import AttemptMemory
from harness.decide.cache.store import Book
from harness.decide.policy import Policy
from harness.decide.skills.fill_form import FillForm
from harness.decide.skills.message import SendMessage
from harness.decide.skills.mined import MinedSkill, load_skills, routines_of
from harness.decide.skills.pick_date import PickDate
from harness.decide.skills.routine import Routine
from harness.decide.skills.runner import MacroRunner
from harness.decide.skills.search import SearchAndOpen
from harness.settings.schema import HarnessSettings

CACHE_FOLDER = "cache"


def seeded() -> list[Routine]:
    """The macros that come with the harness, the most specific first."""
    return [SendMessage(), SearchAndOpen(), PickDate(), FillForm()]


class Helpers(NamedTuple):
    """The helpers of one process, used for attempt after attempt. None or empty: that helper is off."""

    manager: Policy | None = None
    book: Book | None = None
    cache_proofs: int = 2
    macros: bool = False
    mined: tuple[MinedSkill, ...] = ()

    def memory(self, environment: str, goal: str) -> AttemptMemory | None:
        """The cache for one attempt."""
        if self.book is None:
            return None
        return AttemptMemory(self.book, environment=environment, goal=goal, proofs=self.cache_proofs)

    def runner(self, environment: str, goal: str) -> MacroRunner:
        """The macros for one attempt: mined ones know the site and go before the general ones."""
        routines = [*routines_of(self.mined, environment), *seeded()] if self.macros else []
        return MacroRunner(routines, goal)


def _open(folder: Path) -> Book:
    """The book of a folder, read once so that a folder that cannot be used is known before the first attempt."""
    book = Book(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        book.refresh()
    except OSError as error:
        raise UsageError(f"the cache folder {folder} cannot be used: {error}") from None
    return book


def helpers_for(
    settings: HarnessSettings, out: str, cache: str | None, skills: str | None, make_manager: Callable[[], Policy]
) -> Helpers:
    """The helpers that the settings turn on. Without a cache folder each run has its own: no run knows of another."""
    hierarchy = settings.hierarchy
    return Helpers(
        manager=make_manager() if hierarchy.manager else None,
        book=_open(Path(cache) if cache else Path(out) / CACHE_FOLDER) if hierarchy.cache else None,
        cache_proofs=hierarchy.cache_proofs,
        macros=hierarchy.macros,
        mined=tuple(load_skills(Path(skills))) if hierarchy.macros and skills else (),
    )
