"""What an attempt remembers of its steps, for the guards, the loop detector, the gate and the prompt. Pure."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action


class Past(BaseModel):
    """One finished step. `changed` is None when no action ran.

    `opened` is the layout that the page took on when the action only added to it: a menu or section that it opened.
    `page` is the fingerprint without what changes by itself; `failed` says that the step was refused, broke or did not
    do what it is for.
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


def earlier(action: Action, past: Sequence[Past]) -> list[Past]:
    """The steps in which this same action has run, oldest first."""
    return [p for p in past if p.ran and p.action is not None and p.action.key == action.key]
