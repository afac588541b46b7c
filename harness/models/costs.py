"""The cost of model calls in US dollars. An unknown price is None and makes every sum that contains it unknown.

A price in the settings overrides the list of genai-prices, which is used only for a provider's own address: the same
model name on another server has no known price. Release 0.2.3 of the list, read on 2026-11-22, has gpt-4o at 2.50 in
and 10 out and gpt-4o-mini at 0.15 in and 0.60 out, each per million tokens.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from halo_common.prices import listed_cost, stated_cost
from harness.models.base import ModelCall, Tokens
from harness.settings.schema import ModelSettings


class ModelUsage(BaseModel):
    """What was used of one model. Tokens are None until a call reports them, `cost_usd` is None once one is unknown."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = 0.0


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else (a or 0) + b


def with_call(usage: Mapping[str, ModelUsage], call: ModelCall) -> dict[str, ModelUsage]:
    """The usage by model name with one more call."""
    had = usage.get(call.model, ModelUsage())
    unknown = had.cost_usd is None or call.cost_usd is None
    now = ModelUsage(
        calls=had.calls + 1,
        tokens_in=_sum(had.tokens_in, call.tokens_in),
        tokens_out=_sum(had.tokens_out, call.tokens_out),
        cost_usd=None if unknown else (had.cost_usd or 0.0) + (call.cost_usd or 0.0),
    )
    return {**usage, call.model: now}


def total(usage: Mapping[str, ModelUsage]) -> float | None:
    """Dollars over all models; None when one is unknown, 0.0 when nothing was asked."""
    costs = [used.cost_usd for used in usage.values()]
    return None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs)


def price_of(model: ModelSettings, tokens: Tokens) -> float | None:
    """Dollars for one call to a resolved model; None where its price or its tokens are not known.

    A price in the settings is taken for every prompt token, cached or not.
    """
    if tokens.prompt is None or tokens.reply is None:
        return None
    if model.usd_per_million_in is not None and model.usd_per_million_out is not None:
        return stated_cost(
            tokens_in=tokens.prompt,
            tokens_out=tokens.reply,
            input_price=model.usd_per_million_in,
            output_price=model.usd_per_million_out,
        )
    return listed_cost(
        model.name,
        model.base_url,
        tokens_in=tokens.prompt,
        tokens_out=tokens.reply,
        cache_read=tokens.cache_read,
        cache_written=tokens.cache_written,
    )
