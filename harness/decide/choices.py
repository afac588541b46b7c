"""The actions that may be asked for on a page, and the JSON Schema of a reply that allows only those.

The settings decide how narrow the schema is: any action, existing targets only, or only actions that fit their target
and that no guard refuses.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.act.actions import ACTIONS, DIRECTIONS, KEYS, NAVIGATION, NEEDS_TARGET, Action, ActionName
from harness.act.history import PastStep
from harness.check.guards import refusal
from harness.observe.observation import Element, Observation
from harness.settings.schema import HarnessSettings

MAX_TARGETS = 80
# Keys that act rather than type; typing is what `fill` is for.
FITTING_KEYS = ("Enter", "Escape", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight")


class Choice(BaseModel):
    """An action that may be asked for, with its target where it needs one. `texts` None means that any text will do."""

    model_config = ConfigDict(frozen=True)

    name: ActionName
    element: Element | None = None
    texts: tuple[str, ...] | None = None


def _fitting(name: ActionName, e: Element) -> bool:
    """Whether the action makes sense on this element: a text field is filled, not clicked."""
    return name in e.can and not (name == "click" and "fill" in e.can)


def _takes_keys(observation: Observation) -> bool:
    """Whether a key does what no click can: in a field without a submit button, or on something moved by arrows."""
    focused = next((e for e in observation.controls if e.focused), None)
    if focused is None or focused.role in {"button", "link", "checkbox", "radio"}:
        return False
    return "fill" not in focused.can or not any(e.submits for e in observation.controls)


def _all_choices(observation: Observation, applicable: bool, navigation: bool) -> list[Choice]:
    out: list[Choice] = []
    for name in (*ACTIONS, *NAVIGATION) if navigation else ACTIONS:
        if name in NEEDS_TARGET:
            out += [
                Choice(name=name, element=e, texts=(e.options or None) if name == "select" else None)
                for e in observation.controls[:MAX_TARGETS]
                if not applicable or _fitting(name, e)
            ]
        elif name == "press":
            if not applicable or _takes_keys(observation):
                out.append(Choice(name=name, texts=FITTING_KEYS if applicable else KEYS))
        elif name == "scroll":
            if not applicable or observation.scrollable:
                out.append(Choice(name=name, texts=DIRECTIONS))
        else:
            out.append(Choice(name=name))
    return out


def _open_texts(
    choice: Choice, observation: Observation, history: Sequence[PastStep], settings: HarnessSettings
) -> Choice | None:
    """The choice without the texts that the guards refuse; None when none is left."""

    def refused(text: str | None) -> bool:
        ref = choice.element.ref if choice.element else None
        action = Action(name=choice.name, ref=ref, text=text)
        return refusal(action, history, observation, settings.guards) is not None

    if choice.texts is None:
        return None if refused(None) else choice
    texts = tuple(t for t in choice.texts if not refused(t))
    return choice.model_copy(update={"texts": texts}) if texts else None


def open_choices(observation: Observation, history: Sequence[PastStep], settings: HarnessSettings) -> list[Choice]:
    """The actions that may be asked for now. Where the guards would refuse every one, none is refused."""
    everything = _all_choices(observation, settings.actions.applicable_only, settings.actions.navigation)
    kept = [_open_texts(choice, observation, history, settings) for choice in everything]
    return [choice for choice in kept if choice is not None] or everything


def target_word(e: Element, settings: HarnessSettings) -> str:
    """How prompts and replies name a target: by its number or its label."""
    return str(e.ref) if settings.actions.addressing == "ref" else e.label


def asks_confidence(settings: HarnessSettings) -> bool:
    """Whether a reply must state its confidence: only where the escalation rule uses it."""
    return settings.hierarchy.manager and settings.escalation.low_confidence


def _branch(name: str, properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"action": {"const": name}, **properties, **(optional or {})},
        "required": ["action", *properties],
        "additionalProperties": False,
    }


def reply_schema(choices: Sequence[Choice], settings: HarnessSettings) -> dict[str, Any]:
    """JSON Schema of one reply. Property order is the order in which a grammar-bound model writes them."""
    names = list(dict.fromkeys(c.name for c in choices))
    confidence = {"confidence": {"enum": ["high", "low"]}} if asks_confidence(settings) else {}
    if not settings.actions.constrain_targets:
        return {
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": names},
                "target": {"type": "string"},
                "text": {"type": "string"},
                **confidence,
            },
            "required": ["action", *confidence],
            "additionalProperties": False,
        }
    branches: list[dict[str, Any]] = []
    for name in names:
        same_name = [c for c in choices if c.name == name]
        for properties, optional in _shapes(name, same_name, settings):
            branches.append(_branch(name, {**properties, **confidence}, optional))
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _shapes(
    name: ActionName, choices: list[Choice], settings: HarnessSettings
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(required properties, optional properties) of a reply with this action, one pair for each allowed form."""
    targets = [target_word(c.element, settings) for c in choices if c.element is not None]
    if name == "select":
        return [
            ({"target": {"const": target_word(c.element, settings)}, "text": {"enum": list(c.texts)}}, {})
            for c in choices
            if c.element is not None and c.texts
        ]
    if name == "fill":
        return [({"target": {"enum": targets}, "text": {"type": "string"}}, {})]
    if name == "click":
        return [({"target": {"enum": targets}}, {})]
    if name == "goto":
        return [({"text": {"type": "string"}}, {})]
    if name == "done" and settings.actions.answer:
        return [({}, {"text": {"type": "string"}})]
    return [({"text": {"enum": list(choices[0].texts)}} if choices[0].texts else {}, {})]
