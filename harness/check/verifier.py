"""The verifier: whether an action still fits the page just before it runs, and whether it did what it is for."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.act.actions import NEEDS_TARGET, Action, ActionProblem, check_action, option_of
from harness.observe.labels import short
from harness.observe.observation import Element, Observation

VerdictKind = Literal[
    "finished", "failed", "error_shown", "value_set", "value_not_set", "navigated", "changed", "no_effect"
]
GOOD: frozenset[VerdictKind] = frozenset({"finished", "value_set", "navigated", "changed"})
_ERROR_TEXT = re.compile(
    r"\b(error|invalid|incorrect|wrong|failed|failure|required|must (be|not|have|contain)|"
    r"not (valid|found|allowed|available)|try again|please (enter|select|choose|fill|provide)|"
    r"cannot|can't|couldn't|unable|denied|expired)\b",
    re.IGNORECASE,
)
LONGEST_MESSAGE = 200
FEW_NEW_TEXTS = 5


class Verdict(BaseModel):
    """The verdict on one step. `message` is for the agent, where the verdict is not good."""

    model_config = ConfigDict(frozen=True)

    kind: VerdictKind
    message: str = ""

    @property
    def good(self) -> bool:
        """Whether the action did what it is for."""
        return self.kind in GOOD


def stale(action: Action, target: Element | None, now: Observation) -> ActionProblem | None:
    """Why this action must not run on the page as it is now, or None.

    Args:
        action: What is about to run.
        target: Its target as the agent saw it. The page may have changed since, while the model answered.
        now: The page at this moment.
    """
    if action.name not in NEEDS_TARGET:
        return None
    if target is None or target.ref is None:
        return ActionProblem(type="unknown_target", message=f"there is no '{short(action.label, 60)}' on the page")
    live = now.by_ref(target.ref)
    if live is None:
        return ActionProblem(type="unknown_target", message=f"'{target.label}' is no longer on the page")
    if (live.role, live.name) != (target.role, target.name):
        became = short(live.name) or live.role
        return ActionProblem(type="not_applicable", message=f"'{target.label}' has become '{became}'")
    if target.label and action.label and action.label != target.label:
        return ActionProblem(type="unknown_target", message=f"'{short(action.label, 60)}' is not '{target.label}'")
    return check_action(action, live)


def new_error_message(before: Observation, after: Observation) -> str | None:
    """A text of the page that was not there before and reports an error.

    Among many new texts it must be in an alert, because ordinary content may mention errors.
    """
    had = {(e.role, e.name) for e in before.elements}
    new = [e for e in after.elements if not e.is_control and (e.role, e.name) not in had]
    candidates = new if len(new) <= FEW_NEW_TEXTS else [e for e in new if e.within == "alert"]
    for e in candidates:
        if len(e.name) <= LONGEST_MESSAGE and _ERROR_TEXT.search(e.name):
            return short(e.name, 120)
    return None


def _plain(text: str) -> str:
    return re.sub(r"[\s,()+-]+", "", text).lower()


def _holds(action: Action, target: Element, live: Element) -> bool | None:
    """Whether the field shows what was entered; None where that cannot be seen (a secret, a picker's own format)."""
    text = action.text or ""
    if action.name == "select":
        option = option_of(target, text) or text
        return option.lower() in (live.value or "").lower()
    if live.value is None or live.kind not in {"text", "search", "email", "tel", "url", "number", ""}:
        return None
    return _plain(live.value) == _plain(text)


def judge(
    action: Action | None, problem: ActionProblem | None, before: Observation, after: Observation, *, over: bool
) -> Verdict:
    """The verdict on one step; `over` says that the task has ended."""
    if action is None or problem is not None:
        return Verdict(kind="failed", message=problem.message if problem else "")
    if over or action.name == "done":
        return Verdict(kind="finished")
    if error := new_error_message(before, after):
        return Verdict(kind="error_shown", message=f"the page says: {error}")
    return _field_verdict(action, before, after) or _page_verdict(action, before, after)


def _field_verdict(action: Action, before: Observation, after: Observation) -> Verdict | None:
    """The verdict on a text that was typed or chosen, where the field shows its value."""
    target = before.by_ref(action.ref) if action.ref is not None else None
    live = after.by_ref(action.ref) if action.ref is not None else None
    if action.name not in {"fill", "select"} or target is None or live is None:
        return None
    holds = _holds(action, target, live)
    if holds is None:
        return None
    if holds:
        return Verdict(kind="value_set")
    return Verdict(kind="value_not_set", message=f"'{target.label}' now holds '{short(live.value or '')}'")


def _page_verdict(action: Action, before: Observation, after: Observation) -> Verdict:
    if (before.address or before.url) != (after.address or after.url):
        return Verdict(kind="navigated")
    if before.fingerprint != after.fingerprint:
        return Verdict(kind="changed")
    return Verdict(kind="no_effect", message=f"{action.describe()} changed nothing")
