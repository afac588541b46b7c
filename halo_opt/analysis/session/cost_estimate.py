"""Prices, the default budget and a rough cost estimate of an analysis, before its first call."""

from collections.abc import Mapping
from dataclasses import replace

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.analysis.session.options import AnalysisOptions, budget_words
from halo_opt.core.errors import InputError
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.gguf import need_file
from halo_opt.llm.ledger import Budget
from halo_opt.llm.open_endpoint import resolve
from halo_opt.llm.price_list import read_prices
from halo_opt.llm.prices import estimate
from halo_opt.llm.roles import Role
from halo_opt.llm.spec import PathModel, RemoteModel, parse_spec

# The default budget is small: an analysis that stops early can be continued with a larger one.
CAUTIOUS_TOKENS = 500_000
# Per call, roughly: the tools' descriptions, mining's report and some answers in, one turn out.
FEW_TOKENS, MANY_TOKENS, REPLY_TOKENS = 6_000, 20_000, 500
FEW_TURNS = 8

Priced = Mapping[Role, Endpoint | None]
"""Where each role's model is served and at what price; None for a model on this machine, which costs nothing."""


def priced(options: AnalysisOptions) -> Priced:
    """The address and the price of each role's model.

    Raises EnvironmentMissing where a key is not set, InputError for a model's or the prices' file that is not there.
    """
    listed = read_prices(options.prices) if options.prices else {}
    found: dict[Role, Endpoint | None] = {}
    for role, text in options.models.items():
        spec = parse_spec(text)
        if isinstance(spec, RemoteModel):
            price = listed.get(text) or listed.get(spec.model)
            found[role] = replace(resolve(spec), price=price)
        else:
            if isinstance(spec, PathModel):
                need_file(spec.path)
            found[role] = None
    return found


def budget_for(options: AnalysisOptions, prices: Priced, *, cautious_usd: float) -> tuple[Budget, str]:
    """The budget of an analysis, and a line for the user about it.

    Raises InputError for a budget in dollars over a model without a known price, before anything is spent.
    """
    unknown = [endpoint.model for endpoint in prices.values() if endpoint and _cost(endpoint, 1, 1) is None]
    if options.budget is not None:
        if options.budget.usd is not None and unknown:
            raise InputError(
                f"no price is known for {unknown[0]}, so a budget of ${options.budget.usd:g} cannot be kept; set a "
                "budget of tokens or calls instead, or say its price with --prices FILE"
            )
        return options.budget, f"budget: {budget_words(options.budget)}"
    if unknown:
        cautious = Budget(tokens=CAUTIOUS_TOKENS)
        why = f"no price is known for {unknown[0]}"
    elif any(endpoint and _cost(endpoint, 1_000_000, 1_000_000) for endpoint in prices.values()):
        cautious = Budget(usd=cautious_usd)
        why = "none was given"
    else:
        return Budget(), "budget: none is needed, these models cost nothing"
    return cautious, f"budget: {budget_words(cautious)}, as {why}; set your own with --budget"


def estimate_words(limits: AnalysisLimits, prices: Priced) -> str:
    """A rough estimate of the calls, tokens and dollars of an analysis, as a text. The budget is the actual limit."""
    most = limits.turns + (min(limits.agents - 1, 3 * limits.depth) * limits.sub_turns if limits.depth else 0)
    few = min(FEW_TURNS, most)
    amounts = f"rough estimate: {few} to {most} calls, {few * FEW_TOKENS:,} to {most * MANY_TOKENS:,} tokens"
    endpoint = prices.get("root")
    if endpoint is None or endpoint.free:
        return amounts
    low = _cost(endpoint, few * FEW_TOKENS, few * REPLY_TOKENS)
    high = _cost(endpoint, most * MANY_TOKENS, most * REPLY_TOKENS)
    if low is None or high is None:
        return f"{amounts}, at a price that is not known"
    return f"{amounts}, ${low:.2f} to ${high:.2f} at the price of {endpoint.model}"


def _cost(endpoint: Endpoint, tokens_in: int, tokens_out: int) -> float | None:
    return estimate(endpoint, tokens_in=tokens_in, tokens_out=tokens_out)
