"""What a policy is given and gives back. Pure data and one protocol; no model, no browser."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from harness.act.history import Past
from harness.decide.choices import Choice, open_choices
from harness.models.base import ModelCall
from harness.observe.observation import Observation
from harness.observe.render import page_text
from harness.settings.schema import HarnessSettings


class Turn(BaseModel):
    """Everything that a policy may know when it decides. What the settings hide is already taken out.

    `goal` is the task in words; `page` the page as text; `history` past actions in words, oldest first; `notes` what
    the guards want said; `problems` why earlier replies of this same step were refused, oldest first. `reason` says
    why the manager is asked and `proposal` what would be done without it. `screenshot` is a PNG for a model that sees.
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


class Decision(BaseModel):
    """A policy's reply as text (the JSON of an action, when it kept to the form) and the call that made it."""

    model_config = ConfigDict(frozen=True)

    reply: str
    call: ModelCall | None = None


class Policy(Protocol):
    """Decides one action at a time. Raises AttemptError when it cannot decide for a reason outside the agent."""

    name: str

    def decide(self, turn: Turn, *, deadline: float) -> Decision:
        """The next reply; `deadline` is the `time.monotonic()` by which the attempt must end."""
        ...


def mask(observation: Observation, *, element_state: bool) -> Observation:
    """The observation without what the settings hide, so that every policy lives by the same settings."""
    if element_state:
        return observation
    hidden = {"value": None, "checked": None, "selected": None, "expanded": None, "touched": False, "focused": False}
    elements: Sequence[Any] = [e.model_copy(update=hidden) for e in observation.elements]
    return observation.model_copy(update={"elements": tuple(elements)})


def turn_of(
    index: int,
    goal: str,
    seen: Observation,
    settings: HarnessSettings,
    past: Sequence[Past],
    *,
    notes: tuple[str, ...],
    seed: int,
    screenshot: bytes | None,
) -> Turn:
    """The turn of step `index`, with what the settings hide taken out."""
    length = settings.history.length
    masked = mask(seen, element_state=settings.observation.element_state)
    shown = {e.ref: e for e in masked.controls}
    choices = [
        c.model_copy(update={"element": shown[c.element.ref]}) if c.element is not None else c
        for c in open_choices(seen, past, settings)
    ]
    by_ref = settings.actions.addressing == "ref"
    return Turn(
        goal=goal,
        page=page_text(seen.elements, settings.observation, by_ref=by_ref, goal=goal),
        observation=masked,
        choices=tuple(choices),
        history=tuple(
            f"{p.action.phrase() if p.action else 'unusable reply'}: {p.result}"
            for p in (past[-length:] if length else ())
        ),
        notes=notes,
        step=index,
        step_limit=settings.limits.steps,
        sampling_seed=seed,
        screenshot=screenshot if settings.observation.screenshot == "send" else None,
    )
