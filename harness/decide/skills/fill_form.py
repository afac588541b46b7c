"""Macro: fill a form (also a login) with the values that the goal gives its fields, and submit it."""

from collections.abc import Sequence

from harness.decide.skills.goal import goal_has_word, normalized, value_for, values
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation, unfilled_for

SUBMIT_VERBS = (
    "submit",
    "press",
    "click",
    "hit",
    "log ?in",
    "sign ?in",
    "send",
    "save",
    "book",
    "search",
    "create",
    "add",
)


def _fields(page: Observation) -> list[Element]:
    return [e for e in page.controls if ("fill" in e.can or "select" in e.can) and not e.disabled]


def _option(e: Element, goal: str) -> str | None:
    """The one option of a list that the goal names."""
    words = f" {normalized(goal)} "
    named = [o for o in e.options if normalized(o) and f" {normalized(o)} " in words]
    return named[0] if len(named) == 1 else None


def bindings(goal: str, page: Observation) -> list[tuple[Element, str]]:
    """(field, value) pairs from the goal. A single field takes a single value also where the goal does not name it.

    Empty where the goal holds a value that neither goes into a field nor names a control: the goal is not understood.
    """
    fields = _fields(page)
    bound: list[tuple[Element, str]] = []
    for e in fields:
        value = _option(e, goal) if "select" in e.can else value_for(e.name, goal)
        if value is not None:
            bound.append((e, value))
    names = {normalized(e.name) for e in page.controls}
    given = [v for _, _, v in values(goal) if normalized(v) not in names]
    if not bound and len(fields) == 1 and len(given) == 1 and "fill" in fields[0].can:
        bound = [(fields[0], given[0])]
    taken = [v for _, v in bound]
    if len(set(taken)) != len(taken) or any(v not in taken for v in given):
        return []
    return bound


class FillForm:
    """Fills field after field, then clicks the control that submits, once no field of the form is unanswered."""

    name = "fill_form"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """The first field, where every value of the goal belongs to a field and the goal asks to submit."""
        submitters = [e for e in page.controls if e.submits]
        if not submitters or not goal_has_word(goal, SUBMIT_VERBS):
            return None
        return self._fill(goal, page, ())

    def _fill(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        for e, value in bindings(goal, page):
            name = "select" if "select" in e.can else "fill"
            if (e.value or "") != value and not any(m.hits(name, e) for m in made):
                return step(name, e, page, value)
        return None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """The next field, then the submitting control; None once that was clicked."""
        if made and made[-1].action.name == "click":
            return None
        if fill := self._fill(goal, page, made):
            return fill
        filled = {m.action.ref for m in made}
        scopes = {e.scope for e in page.controls if e.ref in filled}
        submitters = [e for e in page.controls if e.submits and (e.scope in scopes or len(scopes) != 1)]
        if len(submitters) != 1:
            named = [e for e in submitters if f" {normalized(e.name)} " in f" {normalized(goal)} "]
            submitters = named if len(named) == 1 else []
        if not submitters or [e for e in unfilled_for(submitters[0], page.elements) if e.ref not in filled]:
            return None
        return step("click", submitters[0], page)

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  part of the protocol
        """Whether the form was submitted."""
        return bool(made) and made[-1].action.name == "click"
