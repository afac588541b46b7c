"""Macro: put a date into a date field, or pick it in a calendar that the field opens."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from harness.decide.skills.goal import the_date
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation

_MONTH = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{4})\b",
    re.IGNORECASE,
)
_BACK = re.compile(r"^(prev(ious)?( month)?|\u2039|«|<|back)$", re.IGNORECASE)
_ON = re.compile(r"^(next( month)?|\u203a|»|>|forward)$", re.IGNORECASE)
_NAMED = re.compile(r"\bdate\b|datepicker|check[- ]?(in|out)|\bday\b", re.IGNORECASE)
MOST_MONTHS = 36


def _field(page: Observation) -> Element | None:
    """The one field for a date."""
    boxes = [e for e in page.controls if e.role in {"textbox", "combobox", "clickable"} and not e.disabled]
    kinds = [e for e in boxes if e.kind == "date"]
    found = kinds or [e for e in boxes if _NAMED.search(e.name)]
    return found[0] if len(found) == 1 else None


def _shown(page: Observation) -> date | None:
    """The first day of the month that an open calendar shows."""
    for e in page.elements:
        if match := _MONTH.search(e.name):
            return datetime.strptime(f"1 {match.group(1)} {match.group(2)}", "%d %B %Y").date()
    return None


def _one(page: Observation, pattern: re.Pattern[str]) -> Element | None:
    found = [e for e in page.controls if pattern.search(e.name.strip()) and not e.disabled]
    return found[0] if len(found) == 1 else None


class PickDate:
    """Types the date where the field takes it; else opens the calendar, turns to the month and clicks the day."""

    name = "pick_date"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Opening or filling the field, where the goal holds one date and the page one empty date field."""
        field = _field(page)
        if the_date(goal) is None or field is None or (field.value or "").strip():
            return None
        return self._open(goal, page, field)

    def _open(self, goal: str, page: Observation, field: Element) -> MacroStep | None:
        wanted = the_date(goal)
        assert wanted is not None
        if field.kind == "date" and "fill" in field.can:
            return step("fill", field, page, wanted.isoformat())
        return step("click", field, page) if "click" in field.can else None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """Turning to the month, then the day."""
        wanted, shown = the_date(goal), _shown(page)
        if wanted is None or shown is None or made[-1].action.name == "fill" or len(made) > MOST_MONTHS:
            return None
        first = wanted.replace(day=1)
        if shown == first:
            day = _one(page, re.compile(rf"^{wanted.day}$"))
            return step("click", day, page) if day is not None else None
        turn = _one(page, _BACK if first < shown else _ON)
        return step("click", turn, page) if turn is not None else None

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  part of the protocol
        """Whether the field is filled."""
        field = _field(page)
        return field is not None and bool((field.value or "").strip())
