"""What a call costs in US dollars: as the user says, else by the list of genai-prices. Unknown is None, never 0."""

from genai_prices import Usage, calc_price
from genai_prices.types import AbstractUsage

from halo_opt.core.records import AttemptResult
from halo_opt.llm.address import Endpoint


def cost_of(endpoint: Endpoint, usage: AbstractUsage) -> float | None:
    """Dollars for one call with this usage (cached tokens priced as such): 0.0 on a free server, None if not listed.

    The user's own price wins. Else the address decides whose prices hold: a well-known model's name on an unknown
    server has no known price.
    """
    if endpoint.price is not None:
        used = Usage.from_raw(usage)
        return endpoint.price.of(
            tokens_in=int(used.reported_value("input_tokens")),
            tokens_out=int(used.reported_value("output_tokens")),
            tokens_cached=int(used.reported_value("cache_read_tokens")),
        )
    if endpoint.free:
        return 0.0
    try:
        return float(calc_price(usage, endpoint.model, provider_api_url=endpoint.base_url).total_price)
    except LookupError:
        return None


def estimate(endpoint: Endpoint, *, tokens_in: int, tokens_out: int) -> float | None:
    """The most dollars for so many tokens: 0.0 on a free server, None when the price is not known.

    No token is in the provider's cache already; at Anthropic all of them are put there, which costs more than reading.
    """
    kept = tokens_in if endpoint.provider == "anthropic" else 0
    return cost_of(endpoint, Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_write_tokens=kept))


def attempt_cost(result: AttemptResult, endpoint: Endpoint | None) -> float | None:
    """Dollars for an attempt: as the harness says, else by the price list; None when neither knows."""
    if result.cost_usd is not None or endpoint is None:
        return result.cost_usd
    if result.tokens_in is None or result.tokens_out is None:
        return 0.0 if endpoint.free else None
    return estimate(endpoint, tokens_in=result.tokens_in, tokens_out=result.tokens_out)


def context_of(endpoint: Endpoint) -> int | None:
    """Tokens that the listed model's context holds, None when it is not listed."""
    try:
        listed = calc_price(Usage(), endpoint.model, provider_api_url=endpoint.base_url)
    except LookupError:
        return None
    return listed.model.context_window
