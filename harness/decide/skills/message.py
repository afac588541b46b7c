"""Macro: write a message to somebody and send it."""

import re
from collections.abc import Sequence

from harness.decide.skills.goal import EMAIL, goal_has_word, normalized, value_for, values
from harness.decide.skills.routine import MacroStep, step
from harness.observe.observation import Element, Observation

MESSAGE_VERBS = ("send", "compose", "write", "email", "e-mail", "message")
_COMPOSE = re.compile(r"^(compose|new (message|e-?mail|mail)|write( (message|e-?mail))?)\b", re.IGNORECASE)
_SEND = re.compile(r"^send( (message|e-?mail|now))?$", re.IGNORECASE)
_PARTS = {
    "to": re.compile(r"^(to|recipients?)\b", re.IGNORECASE),
    "subject": re.compile(r"^subject\b", re.IGNORECASE),
    "body": re.compile(r"^(body|message|text|content|write|compose)\b|message( body)?$", re.IGNORECASE),
}


def parts_of(goal: str) -> dict[str, str]:
    """The goal's `to`, `subject` and `body` of a message. Empty where a value of the goal belongs to none of them."""
    given = {part: value_for(part, goal) for part in _PARTS}
    address = EMAIL.search(goal)
    if given["to"] is None and address is not None:
        given["to"] = address.group()
    found = {part: value for part, value in given.items() if value is not None}
    understood = set(found.values())
    doubled = len(understood) != len(found)
    return {} if doubled or any(v not in understood for _, _, v in values(goal)) else found


def _boxes(page: Observation) -> dict[str, Element]:
    """The fields of an open message by part; a part with two candidate fields is left out."""
    out: dict[str, Element] = {}
    for part, pattern in _PARTS.items():
        found = [e for e in page.controls if "fill" in e.can and pattern.search(e.name.strip())]
        if len(found) == 1:
            out[part] = found[0]
    return out


class SendMessage:
    """Opens a new message, fills in the parts that the goal gives, and sends it."""

    name = "send_message"

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Opening a message, where the goal gives recipient and content and the page can write messages."""
        parts = parts_of(goal)
        if not goal_has_word(goal, MESSAGE_VERBS) or "to" not in parts or len(parts) < 2:
            return None
        if "to" in _boxes(page):
            return self._fill(parts, page, ())
        openers = [e for e in page.controls if _COMPOSE.search(e.name.strip()) and "fill" not in e.can]
        return step("click", openers[0], page) if len(openers) == 1 else None

    def _fill(self, parts: dict[str, str], page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        boxes = _boxes(page)
        for part, value in parts.items():
            if part not in boxes:
                return None
            e = boxes[part]
            if normalized(e.value or "") != normalized(value) and not any(m.hits("fill", e) for m in made):
                return step("fill", e, page, value)
        return None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """Part by part, then Send."""
        parts = parts_of(goal)
        if made[-1].action.name == "click" and len(made) > 1:
            return None
        if fill := self._fill(parts, page, made):
            return fill
        filled = {m.action.text for m in made if m.action.name == "fill"}
        buttons = [e for e in page.controls if _SEND.search(e.name.strip()) and "click" in e.can]
        ready = set(parts.values()) <= filled and len(buttons) == 1
        return step("click", buttons[0], page) if ready else None

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  part of the protocol
        """Whether the message was sent."""
        return len(made) > 1 and made[-1].action.name == "click"
