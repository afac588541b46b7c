"""What a call costs in US dollars, from the price list of genai-prices. An unknown price is None, never 0."""

from genai_prices import Usage, calc_price
from genai_prices.types import AbstractUsage

from halo_opt.llm.address import Endpoint


def cost_of(endpoint: Endpoint, usage: AbstractUsage) -> float | None:
    """Dollars for one call with this usage (cached tokens priced as such): 0.0 on a free server, None if not listed.

    The address decides whose prices hold: a well-known model's name on an unknown server has no known price.
    """
    if endpoint.free:
        return 0.0
    try:
        return float(calc_price(usage, endpoint.model, provider_api_url=endpoint.base_url).total_price)
    except LookupError:
        return None


def estimate(endpoint: Endpoint, *, tokens_in: int, tokens_out: int) -> float | None:
    """Dollars for so many tokens, nothing cached: 0.0 on a free server, None when the price is not known."""
    return cost_of(endpoint, Usage(input_tokens=tokens_in, output_tokens=tokens_out))
