"""What asking may cost is known and limited before anything is asked."""

from pathlib import Path

import pytest

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.analysis.session.cost_estimate import budget_for, estimate_words, priced
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.core.errors import ConfigError, EnvironmentMissing, InputError
from halo_opt.llm.ledger import Budget

UNKNOWN = "lab:fake-1@http://127.0.0.1:9/v1"


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text("fake-1: {input: 1, output: 10}\n")
    return path


def test_a_paid_model_without_a_budget_gets_a_cautious_one_in_dollars(prices: Path) -> None:
    asked = AnalysisOptions(models={"root": UNKNOWN}, prices=prices)
    budget, words = budget_for(asked, priced(asked), cautious_usd=1.0)
    assert budget == Budget(usd=1.0)
    assert words == "budget: $1.00, as none was given; set your own with --budget"


def test_a_listed_model_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    asked = AnalysisOptions(models={"root": "openai:gpt-4o-mini", "map": "local"})
    assert budget_for(asked, priced(asked), cautious_usd=0.25)[0] == Budget(usd=0.25)
    assert "at the price of gpt-4o-mini" in estimate_words(asked.limits, priced(asked))


def test_a_model_of_unknown_price_gets_a_cautious_budget_in_tokens() -> None:
    asked = AnalysisOptions(models={"root": UNKNOWN})
    budget, words = budget_for(asked, priced(asked), cautious_usd=1.0)
    assert budget == Budget(tokens=500_000)
    assert "as no price is known for fake-1" in words


def test_a_model_that_costs_nothing_needs_no_budget() -> None:
    asked = AnalysisOptions(models={"root": "local", "map": "vllm:small@http://127.0.0.1:9/v1"})
    budget, words = budget_for(asked, priced(asked), cautious_usd=1.0)
    assert budget == Budget()
    assert "these models cost nothing" in words


def test_dollars_over_a_model_of_unknown_price_are_refused_also_where_only_one_role_has_it() -> None:
    asked = AnalysisOptions(models={"root": "local", "map": UNKNOWN}, budget=Budget(usd=5, calls=9))
    with pytest.raises(InputError, match=r"no price is known for fake-1.*or say its price with --prices FILE"):
        budget_for(asked, priced(asked), cautious_usd=1.0)


def test_what_the_user_says_is_the_budget() -> None:
    asked = AnalysisOptions(models={"root": UNKNOWN}, budget=Budget(calls=9))
    assert budget_for(asked, priced(asked), cautious_usd=1.0) == (Budget(calls=9), "budget: 9 calls")


def test_the_estimate_grows_with_the_limits_and_is_priced(prices: Path) -> None:
    asked = AnalysisOptions(models={"root": UNKNOWN}, prices=prices)
    alone = estimate_words(AnalysisLimits(turns=10, depth=0), priced(asked))
    assert alone == ("rough estimate: 8 to 10 calls, 48,000 to 200,000 tokens, $0.09 to $0.25 at the price of fake-1")
    assert "8 to 34 calls" in estimate_words(AnalysisLimits(turns=10, depth=1, sub_turns=8), priced(asked))
    assert "4 to 4 calls" in estimate_words(AnalysisLimits(turns=4, depth=0), priced(asked))


def test_a_key_that_is_missing_and_a_price_file_that_is_wrong_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(EnvironmentMissing, match="ANTHROPIC_API_KEY is not set"):
        priced(AnalysisOptions(models={"root": "anthropic:claude-x"}))
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        priced(AnalysisOptions(models={"root": "local"}, prices=tmp_path / "nowhere.yaml"))
