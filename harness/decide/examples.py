"""Worked examples for the prompt: data that the same code renders as a real page.

So an example shows what the settings make the agent see, and its replies name targets as the settings ask. The pages
belong to no benchmark.
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
from harness.decide.policy import PolicyInput
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
    """A line of an example page. Only a combobox has `options`; only what can be ticked has `checked`."""

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
    """The examples of a file. Raises UsageError, also where an example's target is not on its page."""
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
                value=e.options[0] if e.value is None and e.options else e.value,
                checked=e.checked,
                options=tuple(e.options),
            )
        )
    return list(with_labels(out))


def _after(elements: list[Element], step: ExampleStep) -> list[Element]:
    """The page after the step: a field filled, a box ticked."""
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
    reply: dict[str, str] = {"action": step.action}
    if target is not None:
        reply["target"] = target_word(target, settings)
    if step.text is not None:
        reply["text"] = step.text
    return json.dumps(reply, ensure_ascii=False)


def example_steps(examples: list[Example], settings: HarnessSettings) -> list[tuple[PolicyInput, str]]:
    """(the input, the right reply) for every step of every example."""
    out: list[tuple[PolicyInput, str]] = []
    by_ref = settings.actions.addressing == "ref"
    for example in examples:
        elements = _elements(example)
        history: list[str] = []
        for number, step in enumerate(example.steps):
            target = next((e for e in elements if e.name == step.target and e.is_control), None)
            policy_input = PolicyInput(
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
            out.append((policy_input, _reply(step, target, settings)))
            action = Action.model_validate({"name": step.action, "label": step.target or "", "text": step.text})
            history.append(f"{action.describe()}: the page changed")
            elements = _after(elements, step)
    return out
