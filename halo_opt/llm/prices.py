"""What a call costs in US dollars: as the user stated, else by the list of genai-prices. An unknown price is None."""

from halo_common.prices import listed_context, listed_cost
from halo_opt.core.records import AttemptResult
from halo_opt.llm.endpoint import Endpoint


def cost_of(
    endpoint: Endpoint, *, tokens_in: int, tokens_out: int, cache_read: int = 0, cache_written: int = 0
) -> float | None:
    """Dollars for one call that used so many tokens: 0.0 on a free server, None if its price is not known.

    The user's own price wins. Else the address decides whose prices hold: a well-known model's name on an unknown
    server has no known price. `cache_read` and `cache_written` are part of `tokens_in`.
    """
    if endpoint.price is not None:
        return endpoint.price.of(tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=cache_read)
    if endpoint.free:
        return 0.0
    return listed_cost(
        endpoint.model,
        endpoint.base_url,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cache_read=cache_read,
        cache_written=cache_written,
    )


def estimate(endpoint: Endpoint, *, tokens_in: int, tokens_out: int) -> float | None:
    """The most dollars for so many tokens: 0.0 on a free server, None when the price is not known.

    No token is in the provider's cache already; at Anthropic all of them are put there, which costs more than reading.
    """
    written = tokens_in if endpoint.provider == "anthropic" else 0
    return cost_of(endpoint, tokens_in=tokens_in, tokens_out=tokens_out, cache_written=written)


def attempt_cost(result: AttemptResult, endpoint: Endpoint | None) -> float | None:
    """Dollars for an attempt: as the harness says, else by the price list; None when neither knows."""
    if result.cost_usd is not None or endpoint is None:
        return result.cost_usd
    if result.tokens_in is None or result.tokens_out is None:
        return 0.0 if endpoint.free else None
    return estimate(endpoint, tokens_in=result.tokens_in, tokens_out=result.tokens_out)


def context_of(endpoint: Endpoint) -> int | None:
    """Tokens that the listed model's context holds, None when it is not listed."""
    return listed_context(endpoint.model, endpoint.base_url)
