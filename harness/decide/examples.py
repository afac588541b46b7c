"""Worked examples for the prompt, kept as data and written down by the same code as a real page. Pure after loading.

So an example always shows what the settings make the agent see, and its replies name targets the way they must be
named. The pages are of no benchmark.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from harness.act.actions import Action
from harness.core.errors import UsageError
from harness.decide.choices import target_word
from harness.decide.policy import Turn
from harness.observe.labels import with_labels
from harness.observe.observation import Element, Observation
from harness.observe.render import page_text
from harness.settings.prompts import PROMPT_DIR
from harness.settings.schema import HarnessSettings

EXAMPLES_FILE = PROMPT_DIR / "examples.yaml"
MAX_EXAMPLES = 20


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExampleElement(_Strict):
    """A line of an example page. `options` only for a combobox; `checked` only for what can be ticked."""

    role: str
    name: str
    value: str | None = None
    checked: bool | None = None
    options: list[str] = []


class ExampleStep(_Strict):
    """One action of an example; `target` is the name of a line of its page."""

    action: str
    target: str | None = None
    text: str | None = None


class Example(_Strict):
    """A goal, a page and the actions that reach the goal."""

    goal: str
    page: list[ExampleElement]
    steps: list[ExampleStep]


def load_examples(path: Path = EXAMPLES_FILE) -> list[Example]:
    """The examples of a file; an example that aims at nothing on its page is a UsageError."""
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        examples = [Example.model_validate(item) for item in data or []]
    except (OSError, UnicodeDecodeError, YAMLError, TypeError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        # A mistyped key shows as one key too many and one too few: the one too many is what to look at.
        first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
        raise UsageError(f"{path}: {'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from None
    if len(examples) > MAX_EXAMPLES:
        raise UsageError(f"{path} holds {len(examples)} examples; at most {MAX_EXAMPLES} are allowed")
    for example in examples:
        names = {e.name for e in example.page}
        for step in example.steps:
            if step.target is not None and step.target not in names:
                raise UsageError(f"{path}: '{step.target}' is not on the page of the example '{example.goal}'")
    return examples


def _elements(example: Example) -> list[Element]:
    out: list[Element] = []
    for number, e in enumerate(example.page, start=1):
        text = e.role in {"text", "heading"}
        out.append(
            Element(
                role=e.role,
                name=e.name,
                ref=None if text else number,
                value=e.value if e.value is not None else (e.options[0] if e.options else None),
                checked=e.checked,
                options=tuple(e.options),
            )
        )
    return list(with_labels(out))


def _after(elements: list[Element], step: ExampleStep) -> list[Element]:
    """The page once the step is done: a field filled, a box ticked."""
    out = []
    for e in elements:
        update: dict[str, Any] = {}
        if e.name == step.target and e.is_control:
            if step.action in {"fill", "select"}:
                update = {"value": step.text}
            elif e.checked is not None:
                update = {"checked": not e.checked}
        out.append(e.model_copy(update=update))
    return out


def _reply(step: ExampleStep, target: Element | None, settings: HarnessSettings) -> str:
    said: dict[str, str] = {"action": step.action}
    if target is not None:
        said["target"] = target_word(target, settings)
    if step.text is not None:
        said["text"] = step.text
    return json.dumps(said, ensure_ascii=False)


def example_turns(examples: list[Example], settings: HarnessSettings) -> list[tuple[Turn, str]]:
    """(what the agent would be shown, what it should reply) for every step of every example."""
    out: list[tuple[Turn, str]] = []
    by_ref = settings.actions.addressing == "ref"
    for example in examples:
        elements = _elements(example)
        history: list[str] = []
        for number, step in enumerate(example.steps):
            target = next((e for e in elements if e.name == step.target and e.is_control), None)
            turn = Turn(
                goal=example.goal,
                page=page_text(elements, settings.observation, by_ref=by_ref),
                observation=Observation(
                    url="/", title="", elements=tuple(elements), scrollable=False, fingerprint="", layout=""
                ),
                choices=(),
                history=tuple(history[-settings.history.length :]) if settings.history.length else (),
                step=number,
                step_limit=settings.limits.steps,
            )
            out.append((turn, _reply(step, target, settings)))
            action = Action.model_validate({"name": step.action, "words": step.target or "", "text": step.text})
            history.append(f"{action.phrase()}: the page changed")
            elements = _after(elements, step)
    return out
