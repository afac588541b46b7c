"""The protocol of a macro skill: given the goal, the page and the steps made so far, it names the next step.

A routine holds no state of its own, so it goes on from the page as it is, whatever acted in between.
"""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action
from harness.observe.observation import Element, Observation


class MacroStep(BaseModel):
    """One step of a routine, and what was on the page when it was made (labels of its controls)."""

    model_config = ConfigDict(frozen=True)

    action: Action
    seen: frozenset[str] = frozenset()

    def hits(self, name: str, target: Element) -> bool:
        """Whether this step was this action on this target."""
        return self.action.name == name and self.action.ref == target.ref


class Routine(Protocol):
    """A macro skill.

    `first` is its precondition: None where it does not fit this goal and page. `next` is called after every good step;
    None means that no step is left, and `reached` says whether the macro's purpose was then achieved.
    """

    name: str

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """The first step, where the preconditions hold."""
        ...

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """The step after those made."""
        ...

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:
        """The postcondition, once there is no next step."""
        ...


def step(name: str, target: Element | None, page: Observation, text: str | None = None) -> MacroStep:
    """A step on a page."""
    action = Action.model_validate(
        {
            "name": name,
            "ref": target.ref if target is not None else None,
            "label": target.label if target is not None else "",
            "text": text,
        }
    )
    return MacroStep(action=action, seen=frozenset(e.label for e in page.controls))
