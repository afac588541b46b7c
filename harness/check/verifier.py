"""What came of an action: did it do what such an action is for? Pure, and only from what the page shows."""

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
_COMPLAINT = re.compile(
    r"\b(error|invalid|incorrect|wrong|failed|failure|required|must (be|not|have|contain)|"
    r"not (valid|found|allowed|available)|try again|please (enter|select|choose|fill|provide)|"
    r"cannot|can't|couldn't|unable|denied|expired)\b",
    re.IGNORECASE,
)
LONGEST = 200
FEW = 5


class Verdict(BaseModel):
    """What came of a step; `words` say it to the agent where it is not good."""

    model_config = ConfigDict(frozen=True)

    kind: VerdictKind
    words: str = ""

    @property
    def good(self) -> bool:
        """Whether the action did what it is for."""
        return self.kind in GOOD


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


def complaint(before: Observation, after: Observation) -> str | None:
    """A message of the page that was not there before and says that something is wrong.

    Among many new words it must stand in an alert: a page of content may speak of errors as it likes.
    """
    had = {(e.role, e.name) for e in before.elements}
    new = [e for e in after.elements if not e.is_control and (e.role, e.name) not in had]
    said = new if len(new) <= FEW else [e for e in new if e.within == "alert"]
    return next((short(e.name, 120) for e in said if len(e.name) <= LONGEST and _COMPLAINT.search(e.name)), None)


def _plain(text: str) -> str:
    return re.sub(r"[\s,()+-]+", "", text).lower()


def _holds(action: Action, target: Element, live: Element) -> bool | None:
    """Whether the field shows what was put in; None where that cannot be told: a secret, a picker with its own form."""
    text = action.text or ""
    if action.name == "select":
        said = option_of(target, text) or text
        return said.lower() in (live.value or "").lower()
    if live.value is None or live.kind not in {"text", "search", "email", "tel", "url", "number", ""}:
        return None
    return _plain(live.value) == _plain(text)


def judge(
    action: Action | None, problem: ActionProblem | None, before: Observation, after: Observation, *, over: bool
) -> Verdict:
    """The verdict on one step; `over` says that the task has ended."""
    if action is None or problem is not None:
        return Verdict(kind="failed", words=problem.words if problem else "")
    if over or action.name == "done":
        return Verdict(kind="finished")
    if said := complaint(before, after):
        return Verdict(kind="error_shown", words=f"the page says: {said}")
    return _of_field(action, before, after) or _of_page(action, before, after)


def _of_field(action: Action, before: Observation, after: Observation) -> Verdict | None:
    """The verdict on what was typed or chosen, where the field tells."""
    target = before.by_ref(action.ref) if action.ref is not None else None
    live = after.by_ref(action.ref) if action.ref is not None else None
    if action.name not in {"fill", "select"} or target is None or live is None:
        return None
    holds = _holds(action, target, live)
    if holds is None:
        return None
    if holds:
        return Verdict(kind="value_set")
    return Verdict(kind="value_not_set", words=f"'{target.label}' now holds '{short(live.value or '')}'")


def _of_page(action: Action, before: Observation, after: Observation) -> Verdict:
    if (before.address or before.url) != (after.address or after.url):
        return Verdict(kind="navigated")
    if before.fingerprint != after.fingerprint:
        return Verdict(kind="changed")
    return Verdict(kind="no_effect", words=f"{action.phrase()} changed nothing")
