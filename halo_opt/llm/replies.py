"""From a response of pydantic-ai to a `Completion`, or to the error that says why it cannot be used."""

from pydantic import BaseModel, ValidationError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage

from halo_opt.core.validation import first_problem
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.model import Completion, Fault, InvalidReply, ModelRefused
from halo_opt.llm.parsing import parse_reply
from halo_opt.llm.prices import cost_of

_SHOWN = 120


def fault_in(error: InvalidReply | ModelRefused, response: ModelResponse) -> Fault:
    """The kind of a try whose reply cannot be used."""
    if isinstance(error, ModelRefused):
        return "refused"
    if response.finish_reason == "length":
        return "cut off"
    return "malformed" if error.text.strip() else "empty"


def read_reply(
    response: ModelResponse, schema: type[BaseModel] | None, endpoint: Endpoint, *, max_tokens: int
) -> Completion:
    """The completion, with an object of the schema when one was asked for.

    Raises ModelRefused for a refusal, and InvalidReply for a reply that is empty, cut off or not of the schema; both
    have the tokens and cost that were used.
    """
    text = response.text or ""
    completion = _counted(response.usage, text, endpoint)
    if response.finish_reason == "content_filter":
        raise ModelRefused(_refused(response, endpoint), spent=completion)
    cut = response.finish_reason == "length"
    parsed = None
    try:
        if schema is not None and cut:
            # A reply that was cut off may hold a smaller object that fits; it is not the one that was begun.
            parsed = schema.model_validate_json(text)
        elif schema is not None:
            parsed = parse_reply(text, schema)
    except ValidationError as error:
        raise InvalidReply(
            _cut_off(endpoint, schema, max_tokens) if cut else _misfit(endpoint, schema, text, error),
            spent=completion,
            text=text,
        ) from error
    if schema is None and cut:
        raise InvalidReply(_cut_off(endpoint, None, max_tokens), spent=completion, text=text)
    if not text.strip():
        raise InvalidReply(_empty(endpoint), spent=completion, text=text)
    return completion.model_copy(update={"parsed": parsed})


def _counted(usage: RequestUsage, text: str, endpoint: Endpoint) -> Completion:
    """The text with the tokens and cost of the call. Counts that cannot be true (no prompt, negative) are unknown."""
    known = usage.input_tokens > 0 and usage.output_tokens >= 0 and 0 <= usage.cache_read_tokens <= usage.input_tokens
    cost = None
    if known or endpoint.free:
        cost = cost_of(
            endpoint,
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            cache_read=usage.cache_read_tokens,
            cache_written=usage.cache_write_tokens,
        )
    return Completion(
        text=text,
        tokens_in=usage.input_tokens if known else None,
        tokens_out=usage.output_tokens if known else None,
        tokens_cached=usage.cache_read_tokens if known else None,
        cost_usd=cost,
    )


def _refused(response: ModelResponse, endpoint: Endpoint) -> str:
    refusal = str((response.provider_details or {}).get("refusal") or response.text or "").strip()
    quoted = f": {' '.join(refusal.split())[:_SHOWN]!r}" if refusal else ""
    return f"{endpoint.model} refuses to answer{quoted}; ask in another way, or use another model"


def _cut_off(endpoint: Endpoint, schema: type[BaseModel] | None, max_tokens: int) -> str:
    what = "it" if schema is None else f"its {schema.__name__}"
    return f"{endpoint.model}'s reply was cut off at {max_tokens} tokens before {what} was complete; raise the limit"


def _empty(endpoint: Endpoint) -> str:
    return f"{endpoint.model} gave an empty reply; ask again, or use another model"


def _misfit(endpoint: Endpoint, schema: type[BaseModel] | None, text: str, error: ValidationError) -> str:
    if schema is None or not text.strip():
        return _empty(endpoint)
    return (
        f"{endpoint.model}'s reply is not a {schema.__name__}: {first_problem(error)}; it begins {text[:_SHOWN]!r};"
        " use a server that enforces JSON schemas, or another model"
    )
