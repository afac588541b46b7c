"""What halo-opt asks of a language model, and nothing of how one is reached. No provider library is imported here."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from halo_opt.core.errors import EnvironmentMissing


class Message(BaseModel):
    """One turn of a conversation.

    `now` is what is true only at the moment of the call (budget left, time left). It is sent after `content` and is no
    part of what a call is recognised by, so that a recorded run can be replayed on another day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str
    now: str = ""

    @property
    def words(self) -> str:
        """All that is sent."""
        return f"{self.content}\n\n{self.now}" if self.now else self.content


Fault = Literal[
    "rate limit",
    "server error",
    "timeout",
    "unreachable",
    "cut off",
    "malformed",
    "empty",
    "refused",
    "too long",
    "rejected",
]
"""Why one try failed. "cut off" is a connection that broke or a reply that met its length limit, "malformed" an answer
that is not the protocol's or not of the schema, "rejected" a key, name or request that the server does not take."""


class Completion(BaseModel):
    """A reply. `parsed` is an instance of the schema that was asked for; counts and cost are None when not known.

    `tokens_cached` are those of `tokens_in` that the provider had in its cache.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    parsed: SerializeAsAny[BaseModel] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost_usd: float | None = None


class Model(Protocol):
    """Anything that answers a conversation. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What the model is called in reports and prices."""
        ...

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: type[BaseModel] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """One reply; with `schema`, an object of it in `Completion.parsed`.

        `on_text` gets the reply piece by piece while it is written. Raises ModelUnreachable when nobody answers,
        ModelError (by kind: ModelBusy, ModelRefused, InvalidReply, PromptTooLong) when there is no usable answer.
        """
        ...


class ModelError(EnvironmentMissing):
    """The model answered with an error or with something that cannot be used.

    `spent` is what the call used up all the same, None when the provider charged nothing. A call that was sent and
    never answered counts as charged, with unknown amounts. `again` says that the very same call may succeed at once,
    and that nothing of its reply was handed on yet: whoever pays for calls may make it anew.
    """

    def __init__(self, words: str, *, spent: Completion | None = None, again: bool = False) -> None:
        super().__init__(words)
        self.spent = spent
        self.again = again


class ModelUnreachable(ModelError):
    """Nobody answered: server down, connection cut, or no reply within the time limit."""


class ModelBusy(ModelError):
    """The provider limits requests, and went on doing so through all tries."""


class ModelRefused(ModelError):
    """The model, or a filter before it, will not answer this."""


class PromptTooLong(ModelError):
    """The prompt does not fit the model's context."""


class InvalidReply(ModelError):
    """A reply came that is empty, cut off or not of the schema; `text` is what came."""

    def __init__(self, words: str, *, spent: Completion | None = None, text: str = "") -> None:
        super().__init__(words, spent=spent)
        self.text = text
