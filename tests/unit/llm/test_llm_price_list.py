import dataclasses
from pathlib import Path

import pytest

from halo_opt.core.errors import ConfigError
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.price_list import Price, read_prices
from halo_opt.llm.prices import context_of, cost_of, estimate

HOSTED = Endpoint(base_url="https://api.openai.com/v1", api_key="k", model="gpt-5-mini", free=False, provider="openai")


def test_the_price_that_the_user_states_wins_over_the_list_and_over_free() -> None:
    price = Price(input=10, output=20)
    for endpoint in (HOSTED, dataclasses.replace(HOSTED, free=True), dataclasses.replace(HOSTED, model="unheard-of")):
        stated = dataclasses.replace(endpoint, price=price)
        assert estimate(stated, tokens_in=1_000_000, tokens_out=500_000) == pytest.approx(20.0)


@pytest.mark.parametrize(("cached", "dollars"), [(None, 4.0), (1.0, 2.5), (0.0, 2.0)])
def test_cached_tokens_have_their_own_price_when_one_is_stated(cached: float | None, dollars: float) -> None:
    priced = dataclasses.replace(HOSTED, price=Price(input=4, output=0, cached=cached))
    assert cost_of(priced, tokens_in=1_000_000, tokens_out=7, cache_read=500_000) == pytest.approx(dollars)


@pytest.mark.parametrize(
    "text",
    ['{"m": {"input": 0.25, "output": 2, "cached": 0.025}}', "m: {input: 0.25, output: 2, cached: 0.025}\n"],
)
def test_prices_are_read_from_json_and_from_yaml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices"
    file.write_text(text)
    assert read_prices(file) == {"m": Price(input=0.25, output=2, cached=0.025)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("m: {input: 1}", r"m\.output: Field required; write, for each model, 'NAME: \{input"),
        ("m: {input: -1, output: 2}", r"m\.input: .*greater than or equal to 0"),
        ("m: {input: .nan, output: 2}", r"m\.input: .*finite"),
        ("m: {input: 1, output: 2, per: token}", r"m\.per: Extra inputs"),
        ("- 1", "the whole: Input should be a valid dictionary"),
        ("m: {", "is neither YAML nor JSON"),
        ("", "the whole: Input should be a valid dictionary"),
    ],
)
def test_a_price_file_that_cannot_be_used_is_one_error_that_shows_the_form(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_prices(file)
    assert str(file) in str(caught.value)


def test_a_missing_price_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read \(No such file"):
        read_prices(tmp_path / "none.yaml")


def test_a_context_is_known_for_a_listed_model_at_its_own_address_only() -> None:
    assert (context_of(HOSTED) or 0) >= 128_000
    assert context_of(dataclasses.replace(HOSTED, base_url="http://127.0.0.1:8000/v1")) is None
    assert context_of(dataclasses.replace(HOSTED, model="unheard-of")) is None
