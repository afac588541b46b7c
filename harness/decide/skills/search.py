"""Macro: search, and open the first hit."""

import re
from collections.abc import Sequence

from harness.decide.skills.goal import goal_has_word, normalized, values
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation

SEARCH_VERBS = ("search", "search for", "look up", "look for", "find")
OPEN_VERBS = ("open", "click", "select", "view", "go to")
_SEARCH = re.compile(r"\b(search|find)\b", re.IGNORECASE)
_RANK = re.compile(
    r"\b(\d+)(?:st|nd|rd|th)\b|\b(second|third|fourth|fifth|sixth|seventh|eighth|ninth|last)\b", re.IGNORECASE
)
HIT_ROLES = frozenset({"link", "clickable"})


def _box(page: Observation) -> Element | None:
    """The search field: one that is named so, else the only field of a page that has a search button."""
    fields = [e for e in page.controls if "fill" in e.can]
    named = [e for e in fields if e.role == "searchbox" or e.kind == "search" or _SEARCH.search(e.name)]
    if len(named) == 1:
        return named[0]
    return fields[0] if len(fields) == 1 and _button(page) is not None else None


def _button(page: Observation) -> Element | None:
    found = [e for e in page.controls if e.role in {"button", "clickable"} and _SEARCH.match(e.name)]
    return found[0] if len(found) == 1 else None


def _query(goal: str, page: Observation) -> str | None:
    names = {normalized(e.name) for e in page.controls}
    given = [v for _, _, v in values(goal) if normalized(v) not in names]
    return given[0] if len(given) == 1 else None


class SearchAndOpen:
    """Types the query, sends it, and opens the first link that came with the results."""

    name = "search_and_open"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Typing the query, where the goal asks to search for one value and for no other hit than the first."""
        rank = _RANK.search(goal)
        if not goal_has_word(goal, SEARCH_VERBS) or (rank is not None and rank.group(1) != "1"):
            return None
        box, query = _box(page), _query(goal, page)
        if box is None or query is None or box.value == query:
            return None
        return step("fill", box, page, query)

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """Submitting the query, then the first new link."""
        if len(made) == 1:
            button = _button(page)
            box = page.by_ref(made[0].action.ref) if made[0].action.ref is not None else None
            if button:
                return step("click", button, page)
            return step("press", None, page, "Enter") if box else None
        if len(made) == 2 and goal_has_word(goal, OPEN_VERBS):
            hit = next((e for e in page.controls if e.role in HIT_ROLES and e.label not in made[1].seen), None)
            return step("click", hit, page) if hit is not None else None
        return None

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  part of the protocol
        """Whether a hit was opened, or the search was submitted where the goal asks for no more."""
        return len(made) == (3 if goal_has_word(goal, OPEN_VERBS) else 2)
