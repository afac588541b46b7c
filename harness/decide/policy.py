"""What a policy is given and what it returns: the data, the protocol, and the making of the input for one step."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from harness.act.history import PastStep
from harness.decide.choices import Choice, open_choices
from harness.models.base import ModelCall
from harness.observe.observation import Observation
from harness.observe.render import page_text
from harness.settings.schema import HarnessSettings


class PolicyInput(BaseModel):
    """Everything that a policy may know when it decides a step. What the settings hide has been taken out.

    Attributes:
        goal: The task, as text.
        page: The page, as text.
        observation: The same page as data, for policies without a model.
        choices: The actions that may be asked for.
        history: Past actions with their results, oldest first.
        notes: What guards and verifier have to say about the last step.
        problems: (reply, problem) of each earlier reply of this same step that was refused, oldest first.
        step: The step's number, from 0.
        step_limit: How many steps the attempt has.
        sampling_seed: The seed of the model call.
        reason: Why the manager is called; empty for the worker.
        proposal: The action that runs if the manager has no better one; empty for the worker.
        screenshot: A PNG of the page, where it is to be sent to the model.
    """

    model_config = ConfigDict(frozen=True)

    goal: str
    page: str
    observation: Observation
    choices: tuple[Choice, ...]
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    step: int = 0
    step_limit: int = 1
    sampling_seed: int = 0
    reason: str = ""
    proposal: str = ""
    screenshot: bytes | None = Field(default=None, repr=False)


class PolicyReply(BaseModel):
    """A policy's reply: a text that should be the JSON of an action, and the model call behind it, if any."""

    model_config = ConfigDict(frozen=True)

    text: str
    call: ModelCall | None = None


class Policy(Protocol):
    """Decides one action at a time."""

    name: str

    def decide(self, policy_input: PolicyInput, *, deadline: float) -> PolicyReply:
        """The next reply.

        Args:
            policy_input: What the policy may know.
            deadline: The `time.monotonic()` by which the attempt must end.

        Raises:
            AttemptError: It cannot decide for a reason outside the agent.
        """
        ...


def mask(observation: Observation, *, element_state: bool) -> Observation:
    """The observation without what the settings hide, so that policies without a model are held to them as well."""
    if element_state:
        return observation
    hidden = {"value": None, "checked": None, "selected": None, "expanded": None, "touched": False, "focused": False}
    elements: Sequence[Any] = [e.model_copy(update=hidden) for e in observation.elements]
    return observation.model_copy(update={"elements": tuple(elements)})


def build_input(
    index: int,
    goal: str,
    page: Observation,
    settings: HarnessSettings,
    history: Sequence[PastStep],
    *,
    notes: tuple[str, ...],
    seed: int,
    screenshot: bytes | None,
) -> PolicyInput:
    """The policy's input for step `index`, with what the settings hide taken out."""
    masked = mask(page, element_state=settings.observation.element_state)
    by_ref = {e.ref: e for e in masked.controls}
    choices = []
    for choice in open_choices(page, history, settings):
        shown = by_ref[choice.element.ref] if choice.element is not None else None
        choices.append(choice.model_copy(update={"element": shown}))
    length = settings.history.length
    lines = []
    for step in history[-length:] if length else ():
        action = step.action.describe() if step.action else "unusable reply"
        lines.append(f"{action}: {step.result}")
    return PolicyInput(
        goal=goal,
        page=page_text(page.elements, settings.observation, by_ref=settings.actions.addressing == "ref", goal=goal),
        observation=masked,
        choices=tuple(choices),
        history=tuple(lines),
        notes=notes,
        step=index,
        step_limit=settings.limits.steps,
        sampling_seed=seed,
        screenshot=screenshot if settings.observation.screenshot == "send" else None,
    )
