"""Macro: search, and open the first hit. Pure."""

import re
from collections.abc import Sequence

from harness.decide.skills.goal import plain, says, values
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation

ASKS = ("search", "search for", "look up", "look for", "find")
OPENS = ("open", "click", "select", "view", "go to")
_SEARCH = re.compile(r"\b(search|find)\b", re.IGNORECASE)
_RANK = re.compile(
    r"\b(\d+)(?:st|nd|rd|th)\b|\b(second|third|fourth|fifth|sixth|seventh|eighth|ninth|last)\b", re.IGNORECASE
)
HIT_ROLES = frozenset({"link", "clickable"})


def _box(page: Observation) -> Element | None:
    """Where a search is typed: what is called so, else the only field beside a button that searches."""
    fields = [e for e in page.controls if "fill" in e.can]
    named = [e for e in fields if e.role == "searchbox" or e.kind == "search" or _SEARCH.search(e.name)]
    if len(named) == 1:
        return named[0]
    return fields[0] if len(fields) == 1 and _button(page) is not None else None


def _button(page: Observation) -> Element | None:
    found = [e for e in page.controls if e.role in {"button", "clickable"} and _SEARCH.match(e.name)]
    return found[0] if len(found) == 1 else None


def _query(goal: str, page: Observation) -> str | None:
    names = {plain(e.name) for e in page.controls}
    given = [v for _, _, v in values(goal) if plain(v) not in names]
    return given[0] if len(given) == 1 else None


class SearchAndOpen:
    """Types the query, sends it, and opens the first link that came with the results."""

    name = "search_and_open"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Where the goal asks for a search for one value, and for no other hit than the first."""
        rank = _RANK.search(goal)
        if not says(goal, ASKS) or (rank is not None and rank.group(1) != "1"):
            return None
        box, query = _box(page), _query(goal, page)
        if box is None or query is None or box.value == query:
            return None
        return step("fill", box, page, query)

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """Typed, then sent, then the first new link."""
        if len(made) == 1:
            button = _button(page)
            box = page.by_ref(made[0].action.ref) if made[0].action.ref is not None else None
            return step("click", button, page) if button else step("press", None, page, "Enter") if box else None
        if len(made) == 2 and says(goal, OPENS):
            hit = next((e for e in page.controls if e.role in HIT_ROLES and e.label not in made[1].seen), None)
            return step("click", hit, page) if hit is not None else None
        return None

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  one protocol
        """A hit was opened, or the search was sent where that is all that was asked."""
        return len(made) == (3 if says(goal, OPENS) else 2)
