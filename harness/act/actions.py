"""Actions as data: reading one from a reply, and checking it against a page.

An unusable reply is the agent's mistake and becomes an ActionProblem; nothing here raises for it.
"""

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.observe.labels import find_by_label, short
from harness.observe.observation import Element, Observation

ActionName = Literal["click", "fill", "select", "press", "scroll", "done", "back", "goto", "wait"]
ACTIONS: tuple[ActionName, ...] = ("click", "fill", "select", "press", "scroll", "done")
NAVIGATION: tuple[ActionName, ...] = ("back", "goto", "wait")
NEEDS_TARGET = frozenset({"click", "fill", "select"})
NO_TARGET = frozenset({"done", *NAVIGATION})
# `done` may carry the answer to the user.
TAKES_TEXT = frozenset({"fill", "select", "press", "scroll", "goto", "done"})
KEYS = (
    "Enter", "Tab", "Escape", "Backspace", "Delete", "Space", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight",
    "Home", "End", "PageUp", "PageDown",
)  # fmt: skip
DIRECTIONS = ("down", "up")
ErrorType = Literal[
    "format", "unknown_action", "unknown_target", "not_applicable", "invalid_arguments", "blocked", "execution"
]


class Action(BaseModel):
    """One action. `ref` is the target's number on the page and `label` its label there."""

    model_config = ConfigDict(frozen=True)

    name: ActionName
    ref: int | None = None
    label: str = ""
    text: str | None = None

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What makes two actions the same for the guards. Filling a field again is a repetition, whatever is typed."""
        return (self.name, self.ref, "" if self.name == "fill" else (self.text or "").lower())

    def describe(self) -> str:
        """The action as text: `fill "Name" with "Ann"`."""
        text = f' "{short(self.text, 60)}"' if self.text is not None else ""
        if self.name == "fill":
            return f'fill "{self.label}" with{text}'
        if self.name == "select":
            return f'select{text} in "{self.label}"'
        target = ""
        if self.label and self.name == "press":
            target = f' on "{self.label}"'
        elif self.label and self.name in {"click", "scroll"}:
            target = f' "{self.label}"'
        return f"{self.name}{text}{target}"


class ActionProblem(BaseModel):
    """Why an action cannot be done: its `type` for the trace, and a `message` for the agent."""

    model_config = ConfigDict(frozen=True)

    type: ErrorType
    message: str


def _json_in(reply: str) -> Any:
    """The first JSON object in a reply, whatever text surrounds it; None when there is none."""
    text = reply.strip()
    starts = [m.start() for m in re.finditer(r"\{", text)][:20]
    for start in starts:
        try:
            return json.JSONDecoder().raw_decode(text, start)[0]
        except json.JSONDecodeError:
            continue
    return None


def _target(observation: Observation, target: str, by_ref: bool) -> Element | None:
    if not by_ref:
        return find_by_label(observation.elements, target)
    digits = re.fullmatch(r"\s*\[?\s*(\d{1,6})\s*\]?\s*", target)
    return observation.by_ref(int(digits.group(1))) if digits else None


def _problem(kind: ErrorType, message: str) -> ActionProblem:
    return ActionProblem(type=kind, message=message)


def low_confidence(reply: str) -> bool:
    """Whether a reply states a low confidence: the word `low`, or a number below 0.5."""
    data = _json_in(reply)
    confidence = data.get("confidence") if isinstance(data, dict) else None
    if isinstance(confidence, int | float) and not isinstance(confidence, bool):
        return confidence < 0.5
    return isinstance(confidence, str) and confidence.strip().lower() == "low"


def read_action(
    reply: str, observation: Observation, *, by_ref: bool, navigation: bool = False
) -> tuple[Action | None, ActionProblem | None]:
    """Read the action in a reply.

    Args:
        reply: What the policy answered.
        observation: The page that it answered for.
        by_ref: Whether targets are named by number rather than by label.
        navigation: Whether back, goto and wait are allowed.

    Returns:
        The action and what is wrong with it. The action alone where it can be done, the problem alone where the reply
        cannot be read, both where the action was understood but cannot be done.
    """
    data = _json_in(reply)
    if not isinstance(data, dict):
        return None, _problem("format", "the reply is not a JSON object")
    name = data.get("action")
    if not isinstance(name, str):
        return None, _problem("format", 'the reply has no "action"')
    name = name.strip().lower()
    known = (*ACTIONS, *NAVIGATION) if navigation else ACTIONS
    if name not in known:
        return None, _problem("unknown_action", f"there is no action '{short(name, 30)}'; use {', '.join(known)}")
    target, text = data.get("target"), data.get("text")
    target = "" if target is None else str(target)
    text = None if text is None else str(text)
    element = _target(observation, target, by_ref) if target.strip() else None
    label = element.label if element else short(target, 60)
    action = Action(
        name=name,
        ref=element.ref if element else None,
        label="" if name in NO_TARGET else label,
        text=text if name in TAKES_TEXT else None,
    )
    if name in NEEDS_TARGET and not target.strip():
        return action, _problem("invalid_arguments", f"{name} needs a target")
    if target.strip() and element is None and name in NEEDS_TARGET:
        return action, _problem("unknown_target", f"there is no '{short(target, 60)}' on the page")
    return action, check_action(action, element)


def check_action(action: Action, element: Element | None) -> ActionProblem | None:
    """Why this action cannot be done to this element, or None."""
    if element is not None and action.name in NEEDS_TARGET:
        if element.disabled:
            return _problem("not_applicable", f"'{element.label}' is disabled")
        if action.name in {"fill", "select"} and action.name not in element.can:
            return _problem("not_applicable", f"a {element.role} cannot take {action.name}")
    return _check_text(action, element)


def _check_text(action: Action, element: Element | None) -> ActionProblem | None:
    if action.name in {"fill", "select"} and action.text is None:
        return _problem("invalid_arguments", f"{action.name} needs a text")
    if action.name == "select" and element is not None and option_of(element, action.text or "") is None:
        return _problem("invalid_arguments", f"'{element.label}' has no option '{short(action.text or '', 40)}'")
    if action.name == "press" and key_of(action.text or "") is None:
        return _problem("invalid_arguments", f"press needs a key as text: {', '.join(KEYS)}")
    if action.name == "goto" and not (action.text or "").strip():
        return _problem("invalid_arguments", "goto needs an address on this site as text")
    if action.name == "scroll" and (action.text or "down").strip().lower() not in DIRECTIONS:
        return _problem("invalid_arguments", "scroll needs 'up' or 'down' as text")
    return None


def option_of(element: Element, text: str) -> str | None:
    """The option that `text` means, ignoring case and outer space."""
    plain = " ".join(text.split()).lower()
    return next((o for o in element.options if o.lower() == plain), None)


def key_of(text: str) -> str | None:
    """The key that `text` means: a named key, or one visible character."""
    plain = text.strip()
    if len(plain) == 1 and plain.isprintable():
        return plain
    return next((k for k in KEYS if k.lower() == plain.replace(" ", "").lower()), None)
