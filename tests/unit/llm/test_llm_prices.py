import pytest

from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.prices import estimate


def endpoint(model: str, url: str, *, free: bool = False) -> Endpoint:
    return Endpoint(base_url=url, api_key="k", model=model, free=free, provider="any")


@pytest.mark.parametrize(
    ("model", "url"),
    [("gpt-5-mini", "https://api.openai.com/v1"), ("claude-sonnet-4-5", "https://api.anthropic.com/v1")],
)
def test_a_listed_model_has_a_price_that_grows_with_tokens(model: str, url: str) -> None:
    once = estimate(endpoint(model, url), tokens_in=1000, tokens_out=100)
    twice = estimate(endpoint(model, url), tokens_in=2000, tokens_out=200)
    assert once is not None
    assert once > 0
    assert twice == pytest.approx(2 * once)


def test_an_unlisted_model_has_no_price_rather_than_none_to_pay() -> None:
    assert estimate(endpoint("zork-9000", "https://api.openai.com/v1"), tokens_in=1000, tokens_out=1) is None


def test_a_known_name_on_an_unknown_server_has_no_known_price() -> None:
    assert estimate(endpoint("gpt-5-mini", "http://10.0.0.1:8000/v1"), tokens_in=1000, tokens_out=1) is None


def test_our_own_server_is_free() -> None:
    assert estimate(endpoint("m", "http://127.0.0.1:9/v1", free=True), tokens_in=1000, tokens_out=1) == 0.0
