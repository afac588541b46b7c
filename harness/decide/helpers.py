"""The deciders beside the worker: action cache, macro skills, manager."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import UsageError
from harness.decide.cache.attempt_cache import AttemptCache
from harness.decide.cache.store import ActionCache
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


def built_in_macros() -> list[Routine]:
    """The macros that come with the harness, the most specific first."""
    return [SendMessage(), SearchAndOpen(), PickDate(), FillForm()]


class Helpers(NamedTuple):
    """The helpers of one process, shared by its attempts. A helper that is None or empty is switched off."""

    manager: Policy | None = None
    cache: ActionCache | None = None
    cache_proofs: int = 2
    macros: bool = False
    mined: tuple[MinedSkill, ...] = ()

    def attempt_cache(self, environment: str, goal: str) -> AttemptCache | None:
        """The cache for one attempt."""
        if self.cache is None:
            return None
        return AttemptCache(self.cache, environment=environment, goal=goal, proofs=self.cache_proofs)

    def macro_runner(self, environment: str, goal: str) -> MacroRunner:
        """The macros for one attempt. Mined ones come first, because they were made for this site."""
        routines = [*routines_of(self.mined, environment), *built_in_macros()] if self.macros else []
        return MacroRunner(routines, goal)


def _open(folder: Path) -> ActionCache:
    """The cache of a folder, read once so that an unusable folder is reported before the first attempt."""
    cache = ActionCache(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        cache.refresh()
    except OSError as error:
        raise UsageError(f"the cache folder {folder} cannot be used: {error}") from None
    return cache


def helpers_for(
    settings: HarnessSettings, out: str, cache: str | None, skills: str | None, make_manager: Callable[[], Policy]
) -> Helpers:
    """The helpers that the settings switch on. Without a cache folder, each run has its own."""
    hierarchy = settings.hierarchy
    cache_folder = Path(cache) if cache else Path(out) / CACHE_FOLDER
    return Helpers(
        manager=make_manager() if hierarchy.manager else None,
        cache=_open(cache_folder) if hierarchy.cache else None,
        cache_proofs=hierarchy.cache_proofs,
        macros=hierarchy.macros,
        mined=tuple(load_skills(Path(skills))) if hierarchy.macros and skills else (),
    )
