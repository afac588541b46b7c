"""The escalation rule: whether the manager is called for a step, and why."""

import re
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action, ActionProblem
from harness.act.history import PastStep
from harness.check.guards import submit_target
from harness.check.loops import looping
from harness.observe.observation import Element, Observation
from harness.settings.schema import EscalationSettings

# A click on one of these does something; a click on a text field that mentions sending does not.
ACTING_ROLES = frozenset({"button", "link", "menuitem", "clickable", "tab", "option", "switch"})


class EscalationReason(StrEnum):
    """Why the manager is called."""

    UNUSABLE = "unusable_reply"
    ERRORS = "repeated_errors"
    LOOP = "loop"
    STAKES = "high_stakes"
    FINAL = "final_answer"
    UNSURE = "low_confidence"


# What the manager's prompt says. The span has the reason's name.
REASON_TEXT = {
    EscalationReason.UNUSABLE: "the last reply was no possible action",
    EscalationReason.ERRORS: "the last steps did not work",
    EscalationReason.LOOP: "the same was done here before",
    EscalationReason.STAKES: "this step cannot be taken back",
    EscalationReason.FINAL: "this would end the task",
    EscalationReason.UNSURE: "the worker is not sure",
}


class ProposedStep(BaseModel):
    """A step that the cache, a macro or the worker proposes. `by_model` says that it was the worker."""

    model_config = ConfigDict(frozen=True)

    action: Action | None
    problem: ActionProblem | None = None
    by_model: bool = True
    low_confidence: bool = False


def high_stakes_word(action: Action, page: Observation, words: Sequence[str]) -> str | None:
    """The word on the target that makes this a step that cannot be taken back, or None.

    Pressing Enter in a field counts as a click on the control that submits the field's form.
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


def errors_in_a_row(history: Sequence[PastStep]) -> int:
    """How many of the last steps failed, counted back to the first that did not."""
    count = 0
    for step in reversed(history):
        if not step.failed:
            break
        count += 1
    return count


def escalation_reason(
    proposed: ProposedStep,
    page: Observation,
    page_id: str,
    history: Sequence[PastStep],
    settings: EscalationSettings,
) -> EscalationReason | None:
    """The first reason that holds for calling the manager, the most serious first; None when there is none.

    Args:
        proposed: The step that would be done.
        page: The page that it would be done on.
        page_id: That page's fingerprint without what changes by itself.
        history: The attempt's past steps.
        settings: Which reasons count.
    """
    action = proposed.action
    if action is None or proposed.problem is not None:
        return EscalationReason.UNUSABLE if settings.unusable_reply else None
    check_stakes = settings.high_stakes == "all" or (settings.high_stakes == "model" and proposed.by_model)
    failed = errors_in_a_row(history) if proposed.by_model else 0
    reasons = (
        (EscalationReason.STAKES, check_stakes and high_stakes_word(action, page, settings.stakes_words) is not None),
        (EscalationReason.FINAL, settings.final_answer and action.name == "done"),
        (EscalationReason.LOOP, looping(action, page_id, history, settings.loop_after)),
        (EscalationReason.ERRORS, 0 < settings.errors_in_a_row <= failed),
        (EscalationReason.UNSURE, settings.low_confidence and proposed.low_confidence),
    )
    return next((reason for reason, holds in reasons if holds), None)
