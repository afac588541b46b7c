"""Words of the command line become limits and models, or one clear error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.analysis.session.options import (
    AnalysisOptions,
    budget_words,
    models_of,
    parse_budget,
    parse_contexts,
    parse_time,
)
from halo_opt.core.errors import InputError
from halo_opt.llm.ledger import Budget
from halo_opt.llm.roles import ROLES


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("5usd", Budget(usd=5)),
        ("$0.25", Budget(usd=0.25)),
        ("200000tokens", Budget(tokens=200_000)),
        ("200k tokens", Budget(tokens=200_000)),
        ("1.5Mtokens", Budget(tokens=1_500_000)),
        ("1call", Budget(calls=1)),
        ("5usd, 100calls,1mtokens", Budget(usd=5, calls=100, tokens=1_000_000)),
        ("0calls", Budget(calls=0)),
    ],
)
def test_a_budget_is_read(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


def test_no_budget_is_none_and_not_a_budget_without_limits() -> None:
    assert parse_budget(None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5", "'5' is no limit; write 5usd"),
        ("", "'' is no limit"),
        ("five usd", "is no limit"),
        ("-5usd", "is no limit"),
        ("$5tokens", "is no limit"),
        ("5usd,6usd", "there are two limits of usd"),
        ("$5,6usd", "there are two limits of usd"),
        ("0.5calls", "calls are counted whole"),
        ("1e9usd", "is no limit"),
        ("nanusd", "is no limit"),
    ],
)
def test_a_budget_that_says_nothing_clear_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("$", r"\$")):
        parse_budget(text)


@given(
    usd=st.none() | st.integers(0, 10**6).map(lambda cents: cents / 100),
    tokens=st.none() | st.integers(0, 10**12),
    calls=st.none() | st.integers(0, 10**9),
)
def test_every_budget_can_be_written_and_is_read_back(usd: float | None, tokens: int | None, calls: int | None) -> None:
    parts = [
        *([f"{usd:.2f}usd"] if usd is not None else []),
        *([f"{tokens}tokens"] if tokens is not None else []),
        *([f"{calls}calls"] if calls is not None else []),
    ]
    expected = Budget(usd=usd, tokens=tokens, calls=calls)
    if parts:
        assert parse_budget(",".join(parts)) == expected
    words = budget_words(expected)
    assert all(word in words for word, limit in (("$", usd), ("token", tokens), ("call", calls)) if limit is not None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30min", 1800), ("1h30min", 5400), ("1.5h", 5400), ("1h 1min 1s", 3661)]
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "0s", "min", "-5min", "5min1h", "soon"])
def test_a_length_of_time_without_unit_or_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="with its unit"):
        parse_time(text)


def test_roles_get_their_own_model_beside_the_root() -> None:
    found = models_of("openai:gpt-5", ["map=vllm:small@http://127.0.0.1:8000/v1", "sub=local"])
    assert found["root"] == "openai:gpt-5"
    assert found["map"] == "vllm:small@http://127.0.0.1:8000/v1"
    assert found["sub"].startswith("package:")
    assert "compact" not in found
    assert models_of(None, []) == {}
    assert models_of(None, ["root=openai:gpt-5"]) == {"root": "openai:gpt-5"}


def test_two_models_for_one_part_are_one_clear_error_and_the_same_one_twice_is_none() -> None:
    two = "--model openai:gpt-5 and --role root=openai:gpt-4 name two models for the same part; leave one of them out"
    with pytest.raises(InputError, match=two):
        models_of("openai:gpt-5", ["root=openai:gpt-4"])
    with pytest.raises(InputError, match="--role sub=local and --role sub=openai:gpt-5 name two models"):
        models_of("openai:gpt-5", ["sub=local", "sub=openai:gpt-5"])
    assert models_of("openai:gpt-5", ["root=openai:gpt-5"]) == {"root": "openai:gpt-5"}


@pytest.mark.parametrize(
    ("model", "role", "words"),
    [
        ("openai:gpt-5", "mpa=local", "did you mean map=local?"),
        ("openai:gpt-5", "map", "write NAME=SPEC"),
        ("openai:gpt-5", "worker=local", "a role is one of root, sub, map, compact"),
        ("openai:gpt-5", "map=gpt-5", "did you mean 'openai:gpt-5'"),
        (None, "map=local", "give the model of the rest with --model"),
    ],
)
def test_a_role_that_cannot_be_is_one_clear_error(model: str | None, role: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        models_of(model, [role])
    assert words in str(caught.value)


def test_what_may_be_raised_to_go_on_is_no_part_of_what_must_stay_the_same() -> None:
    small = AnalysisOptions(
        models={"root": "local"}, budget=Budget(usd=1), limits=AnalysisLimits(seconds=5, parallel=1)
    )
    large = AnalysisOptions(
        models={"root": "local"}, budget=Budget(usd=9), limits=AnalysisLimits(seconds=50, parallel=8)
    )
    other = AnalysisOptions(models={"root": "local"}, limits=AnalysisLimits(turns=7))
    assert small.fixed() == large.fixed()
    here, there = (AnalysisOptions(models={"root": f"vllm:m@http://{host}:8000/v1"}) for host in ("one", "two"))
    assert here.fixed() == there.fixed()
    assert small.fixed() != other.fixed()


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        ([], {}),
        (["200000"], dict.fromkeys(ROLES, 200_000)),
        (["200k"], dict.fromkeys(ROLES, 200_000)),
        (["1,048,576"], dict.fromkeys(ROLES, 1_048_576)),
        (["sub=32k"], {"sub": 32_000}),
        (["sub=32k", "1M"], {**dict.fromkeys(ROLES, 1_000_000), "sub": 32_000}),
    ],
)
def test_the_size_of_a_context_is_read_for_all_roles_or_one(texts: list[str], sizes: dict[str, int]) -> None:
    assert parse_contexts(texts) == sizes


@pytest.mark.parametrize("text", ["", "much", "512", "-200000", "200kb", "writer=32k", "=32k", "sub=", "1e6", "inf"])
def test_a_size_of_a_context_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--context .*: write the size of the model's context in tokens"):
        parse_contexts([text])


def test_one_size_for_all_is_kept_as_one_number() -> None:
    def kept(**sizes: int) -> object:
        return AnalysisOptions(models={"root": "local"}, context_tokens=sizes).fixed()["context"]

    assert kept() is None
    assert kept(**dict.fromkeys(ROLES, 9_000)) == 9_000
    assert kept(sub=9_000) == {"sub": 9_000}
