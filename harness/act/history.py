"""The finished steps of an attempt, as guards, loop detector, escalation rule and prompt read them."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action


class PastStep(BaseModel):
    """One finished step.

    Attributes:
        action: What was done; None for an unusable reply.
        result: What came of it, as text for the prompt.
        layout: The page's layout hash before the step.
        before: The page's fingerprint before the step.
        changed: Whether the page changed; None when no action ran.
        ran: Whether the action reached the page.
        opened: The layout afterwards, where the action only added to the page: it opened a menu or section.
        page: The page's fingerprint without what changes by itself.
        failed: Whether the step was refused, broke, or did not do what such an action is for.
    """

    model_config = ConfigDict(frozen=True)

    action: Action | None
    result: str
    layout: str
    before: str
    changed: bool | None
    ran: bool
    opened: str | None = None
    page: str = ""
    failed: bool = False


def runs_of(action: Action, history: Sequence[PastStep]) -> list[PastStep]:
    """The steps in which this same action has run, oldest first."""
    return [step for step in history if step.ran and step.action is not None and step.action.key == action.key]
