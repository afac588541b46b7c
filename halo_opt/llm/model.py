"""What halo-opt asks of a language model, and nothing of how one is reached. No provider library is imported here."""

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from halo_opt.errors import EnvironmentMissing


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Completion(BaseModel):
    """A reply. `parsed` is an instance of the schema that was asked for; counts and cost are None when not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    parsed: SerializeAsAny[BaseModel] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


class Model(Protocol):
    """Anything that answers a conversation. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What the model is called in reports and prices."""
        ...

    def complete(self, messages: Sequence[Message], *, schema: type[BaseModel] | None = None) -> Completion:
        """One reply; with `schema`, an object of it in `Completion.parsed`.

        Raises ModelUnreachable when nobody answers, ModelError when the answer cannot be used.
        """
        ...


class ModelError(EnvironmentMissing):
    """The model answered with an error or with something that cannot be used.

    `spent` is what the call used up all the same, None when the provider charged nothing. A call that was sent and
    never answered counts as charged, with unknown amounts.
    """

    def __init__(self, words: str, *, spent: Completion | None = None) -> None:
        super().__init__(words)
        self.spent = spent


class ModelUnreachable(ModelError):
    """Nobody answered: server down, connection cut, or no reply within the time limit."""
