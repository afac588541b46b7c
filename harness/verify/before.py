"""Whether an action still fits the page it is about to reach. Pure."""

from harness.actions import NEEDS_TARGET, Action, ActionProblem, check_action
from harness.obs.labels import short
from harness.obs.model import Element, Observation


def stale(action: Action, meant: Element | None, now: Observation) -> ActionProblem | None:
    """Why this action must not be done on the page as it is now, or None.

    `meant` is the target as the agent saw it; the page may have changed while it was thinking.
    """
    if action.name not in NEEDS_TARGET:
        return None
    if meant is None or meant.ref is None:
        return ActionProblem(type="unknown_target", words=f"there is no '{short(action.words, 60)}' on the page")
    live = now.by_ref(meant.ref)
    if live is None:
        return ActionProblem(type="unknown_target", words=f"'{meant.label}' is no longer on the page")
    if (live.role, live.name) != (meant.role, meant.name):
        said = short(live.name) or live.role
        return ActionProblem(type="not_applicable", words=f"'{meant.label}' has become '{said}'")
    if meant.label and action.words and action.words != meant.label:
        return ActionProblem(type="unknown_target", words=f"'{short(action.words, 60)}' is not '{meant.label}'")
    return check_action(action, live)
