"""What calls cost: listed prices at a provider's own address, prices of the settings, and unknown where neither is."""

from typing import Any

import pytest

from harness.attempt.records import Progress
from harness.decide.policy import PolicyReply
from harness.models.base import ModelCall, Tokens
from harness.models.costs import ModelUsage, price_of, total, with_call
from harness.running.setup import cost_of as attempt_cost
from harness.settings.backends import resolved
from harness.settings.schema import HarnessSettings, ModelSettings

MILLION = Tokens(prompt=1_000_000, reply=1_000_000)


def cost_of(calls: list[ModelCall]) -> float | None:
    usage: dict[str, ModelUsage] = {}
    for one in calls:
        usage = with_call(usage, one)
    return total(usage)


def price(tokens: Tokens = MILLION, **model: Any) -> float | None:
    return price_of(resolved(ModelSettings.model_validate(model), {}), tokens)


def call(model: str, cost: float | None, tokens: int | None = 10) -> ModelCall:
    used: dict[str, Any] = {"tokens_in": tokens, "tokens_out": tokens, "cost_usd": cost}
    return ModelCall(model=model, messages=[], reply="", started_at="", ended_at="", **used)


@pytest.mark.parametrize(("name", "usd"), [("gpt-4o", 12.5), ("gpt-4o-mini", 0.75)])
def test_the_default_models_have_a_known_price(name: str, usd: float) -> None:
    assert price(backend="openai", name=name) == pytest.approx(usd)


def test_the_default_manager_has_a_known_price() -> None:
    manager = resolved(HarnessSettings.model_validate({}).manager, {})
    assert price_of(manager, MILLION) == pytest.approx(12.5)


def test_anthropic_s_cached_tokens_have_their_own_price() -> None:
    model = {"backend": "anthropic", "name": "claude-haiku-4-5"}
    plain = price(Tokens(prompt=1_000_000, reply=0), **model)
    cached = price(Tokens(prompt=1_000_000, reply=0, cache_read=1_000_000), **model)
    assert plain is not None
    assert cached == pytest.approx(plain / 10)


@pytest.mark.parametrize(
    "model",
    [
        {"backend": "vllm", "name": "gpt-4o"},
        {"backend": "local", "name": "gpt-4o-mini"},
        {"backend": "openai", "name": "gpt-99-unheard-of"},
        {"backend": "vllm", "name": "bc", "usd_per_million_in": 1.0},
    ],
)
def test_a_price_that_is_not_known_is_none(model: dict[str, Any]) -> None:
    assert price(**model) is None


def test_tokens_that_are_not_known_have_no_price() -> None:
    assert price(Tokens(prompt=5), backend="openai", name="gpt-4o") is None


def test_the_price_of_the_settings_comes_first() -> None:
    assert price(backend="openai", name="gpt-4o", usd_per_million_in=1.0, usd_per_million_out=0.0) == 1.0


def test_costs_are_summed_by_model_and_one_unknown_makes_the_sum_unknown() -> None:
    usage: dict[str, ModelUsage] = {}
    for one in (call("small", 0.25), call("strong", 1.0), call("small", 0.25, tokens=None)):
        usage = with_call(usage, one)
    assert usage["small"] == ModelUsage(calls=2, tokens_in=10, tokens_out=10, cost_usd=0.5)
    assert total(usage) == 1.5
    assert cost_of([call("small", 0.25), call("strong", 1.0)]) == 1.25
    assert cost_of([call("small", 0.25), call("strong", None), call("strong", 1.0)]) is None
    assert cost_of([]) == 0.0


def test_an_attempt_s_cost_counts_worker_and_manager() -> None:
    settings = HarnessSettings.model_validate({})
    progress = Progress()
    assert attempt_cost(settings, progress) is None
    for one in (call("gpt-4o-mini", 0.25), call("gpt-4o", 1.0)):
        progress = progress.plus(PolicyReply(text="", call=one), manager=one.model == "gpt-4o")
    assert attempt_cost(settings, progress) == 1.25
    assert (progress.tokens_in, progress.tokens_out) == (20, 20)
    assert Progress.model_validate(progress.model_dump()) == progress
    assert attempt_cost(HarnessSettings.model_validate({"worker": "rules"}), Progress()) == 0.0
