"""Requests to a model and its replies: the data, the errors, and the protocol of a client."""

from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from halo_common.model_calls import Failure, error_message
from harness.core.errors import AttemptError


class ModelDown(AttemptError):
    """The endpoint can serve no attempt: nothing listens there, or it refuses the key or model."""


class RequestFailed(Exception):
    """One request that got no usable reply."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Message(BaseModel):
    """One message of a chat."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(BaseModel):
    """One request. The last message is the user's; `image` is a PNG that belongs to it.

    `fixed` counts the leading messages that are the same in every request, so that a provider's prompt cache can end
    there. `reply_schema` is the JSON Schema of the reply, or None for free text.
    """

    model_config = ConfigDict(frozen=True)

    messages: tuple[Message, ...] = Field(min_length=1)
    fixed: int = Field(default=0, ge=0)
    image: bytes | None = Field(default=None, repr=False)
    reply_schema: dict[str, Any] | None = None
    seed: int = 0


class Tokens(BaseModel):
    """The tokens of a call; None where the endpoint does not report them. `prompt` includes cached tokens."""

    model_config = ConfigDict(frozen=True)

    prompt: int | None = None
    reply: int | None = None
    cache_read: int = 0
    cache_written: int = 0


class ChatReply(BaseModel):
    """The reply's text, which may also be a refusal or prose.

    `sampling` holds the sampling parameters that were sent; `tries` counts requests, failed ones included; the times
    are ISO 8601 and span all of them.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    tokens: Tokens = Tokens()
    sampling: dict[str, Any] = {}
    tries: int = 1
    started_at: str = ""
    ended_at: str = ""


class ModelCall(BaseModel):
    """One call of a model, for the trace. Tokens and cost are None where they are unknown."""

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


def malformed(body: str, *, secret: str) -> RequestFailed:
    """The error for a reply that is not one of the protocol; `secret` is a key that must not be in its message."""
    return RequestFailed(Failure("malformed", error_message(body, secret=secret, code=True) or "an empty body"))


class ChatModel(Protocol):
    """A client for one model."""

    def ask(self, request: ChatRequest, *, deadline: float) -> ChatReply:
        """Send a request, with retries, and return the reply.

        Args:
            request: The request.
            deadline: The `time.monotonic()` by which the attempt must end.

        Raises:
            AttemptError: There is no reply.
            ModelDown: There will be no reply for any attempt.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
