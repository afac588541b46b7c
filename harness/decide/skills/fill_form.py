"""Macro: fill a form, a login included, with the values that the goal gives its fields, and send it. Pure."""

from collections.abc import Sequence

from harness.decide.skills.goal import plain, says, value_for, values
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation, unfilled_for

SENDS = ("submit", "press", "click", "hit", "log ?in", "sign ?in", "send", "save", "book", "search", "create", "add")


def _fields(page: Observation) -> list[Element]:
    return [e for e in page.controls if ("fill" in e.can or "select" in e.can) and not e.disabled]


def _option(e: Element, goal: str) -> str | None:
    """The one option of a list that the goal names."""
    words = f" {plain(goal)} "
    named = [o for o in e.options if plain(o) and f" {plain(o)} " in words]
    return named[0] if len(named) == 1 else None


def bindings(goal: str, page: Observation) -> list[tuple[Element, str]]:
    """(field, value) where the goal says both. A single field takes a single value even where the goal names neither.

    Empty where the goal holds a value that no field takes and no control is named by: then it is not understood.
    """
    fields = _fields(page)
    bound: list[tuple[Element, str]] = []
    for e in fields:
        value = _option(e, goal) if "select" in e.can else value_for(e.name, goal)
        if value is not None:
            bound.append((e, value))
    names = {plain(e.name) for e in page.controls}
    given = [v for _, _, v in values(goal) if plain(v) not in names]
    if not bound and len(fields) == 1 and len(given) == 1 and "fill" in fields[0].can:
        bound = [(fields[0], given[0])]
    taken = [v for _, v in bound]
    if len(set(taken)) != len(taken) or any(v not in taken for v in given):
        return []
    return bound


class FillForm:
    """Fills field after field, then clicks what sends the form, where nothing of it is left unanswered."""

    name = "fill_form"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Where the goal gives every value that it names to a field of the page, and asks for it to be sent."""
        senders = [e for e in page.controls if e.submits]
        if not senders or not says(goal, SENDS):
            return None
        return self._fill(goal, page, ())

    def _fill(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        for e, value in bindings(goal, page):
            name = "select" if "select" in e.can else "fill"
            if (e.value or "") != value and not any(m.hits(name, e) for m in made):
                return step(name, e, page, value)
        return None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """The next field, then the sender; nothing once it was clicked."""
        if made and made[-1].action.name == "click":
            return None
        if fill := self._fill(goal, page, made):
            return fill
        filled = {m.action.ref for m in made}
        scopes = {e.scope for e in page.controls if e.ref in filled}
        senders = [e for e in page.controls if e.submits and (e.scope in scopes or len(scopes) != 1)]
        if len(senders) != 1:
            named = [e for e in senders if f" {plain(e.name)} " in f" {plain(goal)} "]
            senders = named if len(named) == 1 else []
        if not senders or [e for e in unfilled_for(senders[0], page.elements) if e.ref not in filled]:
            return None
        return step("click", senders[0], page)

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  one protocol
        """The form was sent."""
        return bool(made) and made[-1].action.name == "click"
