"""What a policy is given and gives back. Pure data and one protocol; no model, no browser."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from harness.choices import Choice
from harness.obs.model import Observation


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


class ModelCall(BaseModel):
    """One exchange with a model, for the trace. Tokens are None where the endpoint does not tell, the cost where the
    price is not known.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    messages: list[dict[str, str]]
    reply: str
    tokens_in: int | None
    tokens_out: int | None
    started_at: str
    ended_at: str
    parameters: dict[str, Any] = {}
    cost_usd: float | None = None


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
