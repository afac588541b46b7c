"""A model whose calls are redacted, reserved in a ledger before they are sent, and settled afterwards."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Amount, Ledger
from halo_opt.llm.model import Completion, Message, Model, ModelError
from halo_opt.llm.prices import estimate
from halo_opt.llm.reply_schema import schema_prompt_bytes
from halo_opt.redaction import redact

# What chat templates put around each message and around all of them, some a system prompt of their own.
_TOKENS_PER_MESSAGE = 16
_TOKENS_PER_CALL = 64
# The sentence in which a schema stands where a server does not enforce it.
_TOKENS_PER_SCHEMA = 64
_NEW_CALLS = 2


class MeteredModel:
    """Wraps a model; itself a `Model`.

    What is reserved for a call is an upper bound of what it can use: no token is shorter than a byte, so the prompt has
    at most as many tokens as bytes, and no reply is longer than `max_tokens`. A call whose bound does not fit what is
    left of the budget is refused; only a provider that bills more than that bound can pass a budget, by that one call.
    """

    def __init__(self, model: Model, ledger: Ledger, endpoint: Endpoint, *, max_tokens: int, purpose: str) -> None:
        """`max_tokens` is the longest reply that the wrapped model asks its server for."""
        self._model = model
        self._ledger = ledger
        self._endpoint = endpoint
        self._max_tokens = max_tokens
        self._purpose = purpose

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: type[BaseModel] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """As the wrapped model, which sees the messages without secrets.

        Raises BudgetSpent before the call when it does not fit the budget. A call that was sent and not answered, so
        that it may be billed, is made anew under a reservation of its own, twice at most.
        """
        messages = [message.model_copy(update={"content": redact(message.content)[0]}) for message in messages]
        for _ in range(_NEW_CALLS):
            try:
                return self._once(messages, schema, on_text)
            except ModelError as error:
                if not error.repeatable:
                    raise
        return self._once(messages, schema, on_text)

    def _once(
        self,
        messages: Sequence[Message],
        schema: type[BaseModel] | None,
        on_text: Callable[[str], None] | None,
    ) -> Completion:
        call = self._ledger.reserve(self._upper_bound(messages, schema), purpose=self._purpose)
        try:
            completion = self._model.complete(messages, schema=schema, on_text=on_text)
        except ModelError as error:
            if error.spent is None:
                self._ledger.release(call)
            else:
                self._ledger.settle(call, _amount(error.spent))
            raise
        except BaseException:  # interrupted in the middle: it may have been billed, so the reservation stands
            self._ledger.settle(call)
            raise
        self._ledger.settle(call, _amount(completion))
        return completion

    def _upper_bound(self, messages: Sequence[Message], schema: type[BaseModel] | None) -> Amount:
        size = sum(len(message.sent.encode("utf-8", "replace")) for message in messages)
        tokens_in = size + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_CALL
        if schema is not None:
            tokens_in += schema_prompt_bytes(self._endpoint, schema) + _TOKENS_PER_SCHEMA
        cost = estimate(self._endpoint, tokens_in=tokens_in, tokens_out=self._max_tokens)
        return Amount(tokens_in=tokens_in, tokens_out=self._max_tokens, cost_usd=cost)


def _amount(completion: Completion) -> Amount | None:
    if completion.tokens_in is None or completion.tokens_out is None:
        return None
    return Amount(tokens_in=completion.tokens_in, tokens_out=completion.tokens_out, cost_usd=completion.cost_usd)
