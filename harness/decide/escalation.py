"""Decides when the manager is called, and says why. Pure: knows the step, the past and the settings, never a model."""

import re
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action, ActionProblem
from harness.act.history import Past
from harness.check.guards import submit_target
from harness.check.loops import looping
from harness.observe.observation import Element, Observation
from harness.settings.schema import GateSettings

ACTING_ROLES = frozenset({"button", "link", "menuitem", "clickable", "tab", "option", "switch"})


class Reason(StrEnum):
    """Why the manager is called."""

    UNUSABLE = "unusable_reply"
    ERRORS = "repeated_errors"
    LOOP = "loop"
    STAKES = "high_stakes"
    FINAL = "final_answer"
    UNSURE = "low_confidence"


# What the manager reads. The span has the reason's name.
WORDS = {
    Reason.UNUSABLE: "the last reply was no possible action",
    Reason.ERRORS: "the last steps did not work",
    Reason.LOOP: "the same was done here before",
    Reason.STAKES: "this step cannot be taken back",
    Reason.FINAL: "this would end the task",
    Reason.UNSURE: "the worker is not sure",
}


class Proposed(BaseModel):
    """A step as proposed by the cache, a macro or the worker, before it is done."""

    model_config = ConfigDict(frozen=True)

    action: Action | None
    problem: ActionProblem | None = None
    by_model: bool = True
    unsure: bool = False


def at_stake(action: Action, page: Observation, words: Sequence[str]) -> str | None:
    """The word that makes this a step that cannot be taken back, or None.

    A click counts on what acts, not on a field that merely speaks of sending; Enter counts as a click on what sends.
    """
    target: Element | None = None
    if action.name == "click" and action.ref is not None:
        target = page.by_ref(action.ref)
        if target is None or target.role not in ACTING_ROLES:
            return None
    elif (field := submit_target(action, page)) is not None:
        target = next((e for e in page.controls if e.submits and e.scope == field.scope), None)
    if target is None:
        return None
    return next((w for w in words if re.search(rf"(?<!\w){re.escape(w)}(?!\w)", target.name, re.IGNORECASE)), None)


def errors_in_a_row(past: Sequence[Past]) -> int:
    """How many of the last steps failed, counted back to the first that did not."""
    count = 0
    for step in reversed(past):
        if not step.failed:
            break
        count += 1
    return count


def reason_to_call(
    proposed: Proposed, page: Observation, fingerprint: str, past: Sequence[Past], settings: GateSettings
) -> Reason | None:
    """Why the manager should look at this step, or None. The weightiest reason that holds is the answer."""
    action = proposed.action
    if action is None or proposed.problem is not None:
        return Reason.UNUSABLE if settings.unusable_reply else None
    weigh_stakes = settings.high_stakes == "all" or (settings.high_stakes == "model" and proposed.by_model)
    failed = errors_in_a_row(past) if proposed.by_model else 0
    signs = (
        (Reason.STAKES, weigh_stakes and at_stake(action, page, settings.stakes_words) is not None),
        (Reason.FINAL, settings.final_answer and action.name == "done"),
        (Reason.LOOP, looping(action, fingerprint, past, settings.loop_after)),
        (Reason.ERRORS, 0 < settings.errors_in_a_row <= failed),
        (Reason.UNSURE, settings.low_confidence and proposed.unsure),
    )
    return next((reason for reason, holds in signs if holds), None)
