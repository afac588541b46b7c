"""A deterministic policy without a model, for tests and CI.

It matches the goal's words with names on the page: a field gets the quoted value that follows its name, boxes and
options that the goal names are ticked and chosen, then a control that submits is clicked.
"""

import json
import re

from harness.decide.choices import Choice, target_word
from harness.decide.policy import PolicyInput, PolicyReply
from harness.observe.observation import Element
from harness.settings.schema import HarnessSettings

# Verbs that goals use for what a button is called, and words for acting on everything at once.
SYNONYMS = {"delete": {"delete", "clear", "remove", "empty", "trash"}, "archive": {"archive"}}
EVERYTHING = {"all", "everything"}
QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|(?<![A-Za-z])\'([^\']+)\'(?![A-Za-z])')


def quoted(goal: str) -> list[str]:
    """The quoted strings of a goal, in order."""
    found = []
    for match in QUOTED.finditer(goal):
        text = next(group for group in match.groups() if group is not None)
        found.append(text)
    return found


def words_of(text: str) -> list[str]:
    """Lower-case words of a text."""
    return re.findall(r"[a-z0-9@#$%&]+", text.lower())


def mentions(goal: str, name: str) -> bool:
    """Whether the goal contains all words of `name`, whole and in order."""
    plain = " ".join(words_of(name))
    return bool(plain) and f" {plain} " in f" {' '.join(words_of(goal))} "


def value_for(field: Element, goal: str, fields: list[Element]) -> str | None:
    """The quoted value that the goal gives a field: the first after its name, else by position among the fields."""
    values = quoted(goal)
    if not values:
        return None
    name = words_of(field.name)
    at = re.search(r"\b" + r"\W+".join(map(re.escape, name)) + r"\b", goal, re.IGNORECASE) if name else None
    if at:
        after = [v for v in quoted(goal[at.end() :]) if v in values]
        if after:
            return after[0]
    place = [f.ref for f in fields].index(field.ref)
    return values[place] if place < len(values) else values[-1]


def _verb_rank(e: Element, policy_input: PolicyInput) -> float:
    """How well a control fits the goal's verb. Where the goal asks for everything, "select all" comes first."""
    goal, name = set(words_of(policy_input.goal)), words_of(e.name)
    chosen = any('"Select all' in line for line in policy_input.history)
    if name[:2] == ["select", "all"] and not chosen and goal & EVERYTHING:
        return 2.7
    return 2.6 if len(name) == 1 and goal & SYNONYMS.get(name[0], set()) else 0.0


class RulesPolicy:
    """The first open choice of the highest rank."""

    name = "rules"

    def __init__(self, settings: HarnessSettings) -> None:
        self._settings = settings

    def _rank(self, choice: Choice, policy_input: PolicyInput) -> tuple[float, str | None]:
        """(how well the choice fits the goal, the text to give it). Rank 0 is taken only where nothing else is open."""
        e = choice.element
        if e is None:
            return (0.1 if choice.name == "done" else 0.0), (choice.texts[0] if choice.texts else None)
        done = any(f'"{e.label}"' in line for line in policy_input.history)
        if choice.name == "fill" and "fill" not in e.can:
            return 0.0, ""
        if choice.name == "fill":
            fields = [c for c in policy_input.observation.controls if "fill" in c.can]
            value = value_for(e, policy_input.goal, fields)
            return (0.0 if value is None or done or e.value == value else 5.0), value or ""
        if choice.name == "select":
            option = next((o for o in choice.texts or () if mentions(policy_input.goal, o)), None)
            return (0.0 if option is None or done or e.value == option else 4.0), option
        if choice.name != "click" or "click" not in e.can or "fill" in e.can:
            return 0.0, None
        return self._click_rank(e, policy_input, done), None

    def _click_rank(self, e: Element, policy_input: PolicyInput, done: bool) -> float:
        named = mentions(policy_input.goal, e.name)
        if done or e.checked or e.selected:
            return 0.0
        if e.role in {"checkbox", "radio"}:
            return 3.5 if named else 0.0
        if rank := _verb_rank(e, policy_input):
            return rank
        exact = any(e.name.strip().lower() == q.strip().lower() for q in quoted(policy_input.goal))
        if e.submits:
            return 2.0 if named or exact else 1.5
        otherwise = 0.5 if e.role == "button" else 0.2
        return max((3.0 if exact else 0.0), (2.5 if named else 0.0), otherwise)

    def decide(self, policy_input: PolicyInput, *, deadline: float) -> PolicyReply:  # noqa: ARG002  rules need no time
        """The open choice of the highest rank, as the JSON that a model would write."""
        refused = {reply for reply, _ in policy_input.problems}
        best: tuple[float, str] | None = None
        for choice in policy_input.choices:
            rank, text = self._rank(choice, policy_input)
            if choice.texts is not None and text is None:
                text = choice.texts[0] if choice.texts else None
            action: dict[str, str] = {"action": choice.name}
            if choice.element is not None:
                action["target"] = target_word(choice.element, self._settings)
            if text is not None:
                action["text"] = text
            reply = json.dumps(action, ensure_ascii=False)
            if reply not in refused and (best is None or rank > best[0]):
                best = (rank, reply)
        return PolicyReply(text=best[1] if best else json.dumps({"action": "done"}))
