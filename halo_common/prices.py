"""What model calls cost in US dollars: by a price that the user stated, or by the list of genai-prices.

An unknown price is None. The list applies to a provider's own address only: a well-known model on an unknown server has
no known price.
"""

from typing import TYPE_CHECKING

from halo_common.model_calls import on_this_machine

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation


def stated_cost(
    *,
    tokens_in: int,
    tokens_out: int,
    input_price: float,
    output_price: float,
    tokens_cached: int = 0,
    cached_price: float | None = None,
) -> float:
    """Dollars at prices per million tokens. `tokens_cached` are part of `tokens_in`; None prices them as the others."""
    cached = min(tokens_cached, tokens_in)
    rate = input_price if cached_price is None else cached_price
    return ((tokens_in - cached) * input_price + cached * rate + tokens_out * output_price) / 1e6


def listed_cost(
    model: str, base_url: str, *, tokens_in: int, tokens_out: int, cache_read: int = 0, cache_written: int = 0
) -> float | None:
    """Dollars by the list, None where it has no price. `tokens_in` counts those read from or written to a cache too."""
    price = _listed(
        model,
        base_url,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_written,
    )
    return None if price is None else float(price.total_price)


def listed_context(model: str, base_url: str) -> int | None:
    """Tokens that the listed model's context holds, None where the list does not say."""
    price = _listed(model, base_url)
    return None if price is None else price.model.context_window


def _listed(model: str, base_url: str, **tokens: int) -> "PriceCalculation | None":
    if on_this_machine(base_url):
        return None
    from genai_prices import Usage, calc_price  # slow to import, and not needed where nothing has a price

    try:
        return calc_price(Usage(**tokens), model, provider_api_url=base_url)
    except LookupError:
        return None
