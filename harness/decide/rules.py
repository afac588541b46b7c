"""A deterministic policy without a model, for tests and CI. Sees only what the settings show; remembers nothing.

It matches words of the goal to names on the page: fields get the value written beside their name, ticks and choices
that the goal names are made, then something that submits is clicked. It knows no benchmark.
"""

import json
import re

from harness.decide.choices import Choice, target_word
from harness.decide.policy import Decision, Turn
from harness.observe.observation import Element
from harness.settings.schema import HarnessSettings

# What goals say for what a button is called, and for acting on everything at once.
SAID_FOR = {"delete": {"delete", "clear", "remove", "empty", "trash"}, "archive": {"archive"}}
EVERYTHING = {"all", "everything"}
QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|(?<![A-Za-z])\'([^\']+)\'(?![A-Za-z])')


def quoted(goal: str) -> list[str]:
    """The quoted strings of a goal, in order."""
    return [next(g for g in m.groups() if g is not None) for m in QUOTED.finditer(goal)]


def words_of(text: str) -> list[str]:
    """Lower-case words of a text."""
    return re.findall(r"[a-z0-9@#$%&]+", text.lower())


def mentions(goal: str, name: str) -> bool:
    """Whether all of `name` stands in the goal as whole words, in order."""
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


def _verb_rank(e: Element, turn: Turn) -> float:
    """How well a control does what the goal's verb asks, with everything chosen first where it asks for everything."""
    said, name = set(words_of(turn.goal)), words_of(e.name)
    chosen = any('"Select all' in line for line in turn.history)
    if name[:2] == ["select", "all"] and not chosen and said & EVERYTHING:
        return 2.7
    return 2.6 if len(name) == 1 and said & SAID_FOR.get(name[0], set()) else 0.0


class RulesPolicy:
    """The first open choice of the highest rank."""

    name = "rules"

    def __init__(self, settings: HarnessSettings) -> None:
        self._settings = settings

    def _rank(self, choice: Choice, turn: Turn) -> tuple[float, str | None]:
        """(how well the choice fits, the text to give it). 0 means: only if nothing else is open."""
        e = choice.element
        if e is None:
            return (0.1 if choice.name == "done" else 0.0), (choice.texts[0] if choice.texts else None)
        done = any(f'"{e.label}"' in line for line in turn.history)
        if choice.name == "fill" and "fill" not in e.can:
            return 0.0, ""
        if choice.name == "fill":
            fields = [c for c in turn.observation.controls if "fill" in c.can]
            value = value_for(e, turn.goal, fields)
            return (0.0 if value is None or done or e.value == value else 5.0), value or ""
        if choice.name == "select":
            option = next((o for o in choice.texts or () if mentions(turn.goal, o)), None)
            return (0.0 if option is None or done or e.value == option else 4.0), option
        if choice.name != "click" or "click" not in e.can or "fill" in e.can:
            return 0.0, None
        return self._click_rank(e, turn, done), None

    def _click_rank(self, e: Element, turn: Turn, done: bool) -> float:
        named = mentions(turn.goal, e.name)
        if done or e.checked or e.selected:
            return 0.0
        if e.role in {"checkbox", "radio"}:
            return 3.5 if named else 0.0
        if rank := _verb_rank(e, turn):
            return rank
        exact = any(e.name.strip().lower() == q.strip().lower() for q in quoted(turn.goal))
        if e.submits:
            return 2.0 if named or exact else 1.5
        if exact:
            return 3.0
        return 2.5 if named else 0.5 if e.role == "button" else 0.2

    def decide(self, turn: Turn, *, deadline: float) -> Decision:  # noqa: ARG002  rules need no time
        """The best open choice as the JSON that a model would write."""
        refused = {reply for reply, _ in turn.problems}
        best: tuple[float, str] | None = None
        for choice in turn.choices:
            rank, text = self._rank(choice, turn)
            if choice.texts is not None and text is None:
                text = choice.texts[0] if choice.texts else None
            said: dict[str, str] = {"action": choice.name}
            if choice.element is not None:
                said["target"] = target_word(choice.element, self._settings)
            if text is not None:
                said["text"] = text
            reply = json.dumps(said, ensure_ascii=False)
            if reply not in refused and (best is None or rank > best[0]):
                best = (rank, reply)
        return Decision(reply=best[1] if best else json.dumps({"action": "done"}))
