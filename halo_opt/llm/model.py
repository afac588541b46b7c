"""The protocol of a language model: messages in, a completion out, and the errors that a call can end with."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from halo_common.model_calls import FailureKind
from halo_opt.core.errors import EnvironmentMissing


class Message(BaseModel):
    """One turn of a conversation.

    `now` is what is true only at the moment of the call (budget left, time left). It is sent after `content`, and a
    cassette recognises a call without it, so that a recorded run can be replayed on another day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str
    now: str = ""

    @property
    def sent(self) -> str:
        """The whole text that is sent."""
        return f"{self.content}\n\n{self.now}" if self.now else self.content


Fault = FailureKind | Literal["empty"]
"""Why one try failed. Here "cut off" is also a reply that met its length limit, "malformed" also one that is not of the
schema, and "empty" a reply without text."""


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

    Attributes:
        spent: What the call used up all the same, None when the provider charged nothing. A call that was sent and not
            answered counts as charged, with unknown amounts.
        repeatable: Whether the very same call may succeed at once, and no part of its reply was handed on yet, so that
            whoever pays for calls may make it again.
    """

    def __init__(self, message: str, *, spent: Completion | None = None, repeatable: bool = False) -> None:
        super().__init__(message)
        self.spent = spent
        self.repeatable = repeatable


class ModelUnreachable(ModelError):
    """Nobody answered: server down, connection cut, or no reply within the time limit."""


# How often a call is made whose model is busy or does not answer, after the provider's client has tried by itself.
LOST_CALL_TRIES = 2


class ModelBusy(ModelError):
    """The provider limits requests, and went on doing so through all tries."""


class ModelRefused(ModelError):
    """The model, or a filter before it, will not answer this."""


class PromptTooLong(ModelError):
    """The prompt does not fit the model's context."""


class InvalidReply(ModelError):
    """A reply came that is empty, cut off or not of the schema; `text` is what came."""

    def __init__(self, message: str, *, spent: Completion | None = None, text: str = "") -> None:
        super().__init__(message, spent=spent)
        self.text = text
