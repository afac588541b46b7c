"""Models opened for roles, at a real server on loopback; with the embedded one where marked."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from llm_fake_server import chat, failure, fake_server

from halo_opt.core.errors import BudgetSpent, ConfigError, EnvironmentMissing, InputError
from halo_opt.llm.cassette import Cassette, CassetteMiss, replayed_roles
from halo_opt.llm.ledger import Budget, Ledger, SpendEvent
from halo_opt.llm.local import ServerSettings
from halo_opt.llm.model import Fault, Message
from halo_opt.llm.open_roles import HOSTED_CONTEXT, OLLAMA_CONTEXT, OTHER_CONTEXT, RoleSettings, open_roles
from halo_opt.llm.price_list import Price
from halo_opt.llm.roles import ROLES, Role, RoleRecord

ASK = [Message(role="user", content="Is three odd?")]


def test_one_server_for_all_roles_and_each_call_is_metered_under_its_role(tmp_path: Path) -> None:
    events: list[SpendEvent] = []
    ledger = Ledger(Budget(), on_event=events.append)
    with fake_server(chat("yes")) as server:
        specs: Mapping[Role, str] = {"root": f"lab:big@{server.url}", "map": f"lab:small@{server.url}"}
        with open_roles(specs, cache_dir=tmp_path, ledger=ledger, cassette=Cassette()) as roles:
            for role in ROLES:
                roles[role].model.complete([Message(role="user", content=role)])
    assert [asked[2]["model"] for asked in server.asked] == ["big", "big", "small", "big"]
    assert [event.purpose for event in events if event.step == "settled"] == list(ROLES)


def test_a_recorded_analysis_is_replayed_with_the_server_gone_and_spends_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    cassette = Cassette(on_entry=lambda entry: lines.append(entry.model_dump_json()))
    with fake_server(chat("yes"), chat("no")) as server:
        spec = f"lab:big@{server.url}"
        with open_roles({"root": spec}, cache_dir=tmp_path, ledger=Ledger(Budget()), cassette=cassette) as roles:
            texts = [roles[role].model.complete(ASK).text for role in ("root", "sub")]
            kept = json.dumps({role: record.model_dump() for role, record in roles.records().items()})
    records: dict[Role, RoleRecord] = {role: RoleRecord(**record) for role, record in json.loads(kept).items()}
    again = replayed_roles(records, Cassette(map(json.loads, lines)))
    assert [again[role].model.complete(ASK).text for role in ("root", "sub")] == texts == ["yes", "no"]
    assert again.records() == records
    with pytest.raises(CassetteMiss, match="for a call of compact whose last message begins 'Is three odd"):
        again["compact"].model.complete(ASK)


def test_a_call_from_the_tape_is_not_reserved(tmp_path: Path) -> None:
    lines: list[str] = []
    with fake_server(chat("yes")) as server:
        spec = f"lab:big@{server.url}"
        for past, allowed in (([], 1), (lines, 0)):
            cassette = Cassette(
                map(json.loads, list(past)), on_entry=lambda entry: lines.append(entry.model_dump_json())
            )
            ledger = Ledger(Budget(calls=allowed))
            with open_roles({"root": spec}, cache_dir=tmp_path, ledger=ledger, cassette=cassette) as roles:
                assert roles.root.model.complete(ASK).text == "yes"
                with pytest.raises(BudgetSpent):
                    roles.root.model.complete([*ASK, *ASK])
    assert len(server.asked) == 1


def test_failed_tries_are_told_even_when_another_cured_them(tmp_path: Path) -> None:
    faults: list[Fault] = []
    with fake_server(failure(429, "slow", Retry_After="0"), chat("yes")) as server:
        specs: Mapping[Role, str] = {"root": f"lab:m@{server.url}"}
        with open_roles(
            specs, cache_dir=tmp_path, ledger=Ledger(Budget()), cassette=Cassette(), on_fault=faults.append
        ) as roles:
            assert roles.root.model.complete(ASK).text == "yes"
    assert faults == ["rate limit"]


@pytest.mark.parametrize(
    ("spec", "variable", "context"),
    [
        ("openai:gpt-5-mini@https://api.openai.com/v1", "OPENAI_API_KEY", 400_000),
        ("anthropic:claude-sonnet-4-5@http://127.0.0.1:9/v1", "ANTHROPIC_API_KEY", OTHER_CONTEXT),
        ("ollama:llama3.2@http://127.0.0.1:9/v1", "OLLAMA_API_KEY", OLLAMA_CONTEXT),
    ],
)
def test_the_context_is_the_listed_one_or_a_usual_size(
    spec: str, variable: str, context: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sesame")
    with open_roles({"root": spec}, cache_dir=tmp_path, ledger=Ledger(Budget()), cassette=Cassette()) as roles:
        assert {roles[role].context_tokens for role in ROLES} == {context}
        assert roles.root.reply_tokens == min(4096, context // 4)


@pytest.mark.parametrize(
    ("said", "context", "warned"),
    [(None, HOSTED_CONTEXT, True), (200_000, 200_000, False)],
)
def test_a_cloud_model_has_the_context_that_its_server_says(
    said: int | None, context: int, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halo_opt.llm.open_roles.served_context", lambda _endpoint: said)
    spec = "lab:m@https://models.example/v1"
    with open_roles({"root": spec}, cache_dir=tmp_path, ledger=Ledger(Budget()), cassette=Cassette()) as roles:
        assert roles.root.context_tokens == context
        assert bool(roles.warnings) == warned


def test_an_assumed_context_draws_one_warning_that_names_the_remedy(tmp_path: Path) -> None:
    spec = "lab:m@http://127.0.0.1:9/v1"
    with open_roles({"root": spec}, cache_dir=tmp_path, ledger=Ledger(Budget()), cassette=Cassette()) as roles:
        (warning,) = roles.warnings
    assert "32,768 tokens are assumed. Give the size with --context" in warning


def test_what_the_user_says_of_a_role_holds(tmp_path: Path) -> None:
    with fake_server(chat("yes")) as server:
        specs: Mapping[Role, str] = {"root": f"lab:big@{server.url}", "map": f"lab:small@{server.url}"}
        settings = RoleSettings(
            context_tokens={"root": 32_000}, reply_tokens=3000, prices={"big": Price(input=1e6, output=0)}
        )
        ledger = Ledger(Budget())
        with open_roles(specs, cache_dir=tmp_path, ledger=ledger, cassette=Cassette(), settings=settings) as roles:
            lengths = {role: (roles[role].context_tokens, roles[role].reply_tokens) for role in ROLES}
            roles["sub"].model.complete(ASK)
            roles["map"].model.complete(ASK)
    assert lengths["root"] == lengths["sub"] == (32_000, 3000)
    assert lengths["map"] == (OTHER_CONTEXT, 3000)
    sent = [asked[2].get("max_completion_tokens") or asked[2].get("max_tokens") for asked in server.asked]
    assert sent == [3000, 3000]
    assert (ledger.spent.cost_usd, ledger.spent.unpriced_calls) == (12.0, 1)


def test_a_budget_in_dollars_is_refused_for_a_loopback_address_whose_price_nobody_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "sesame")
    with fake_server(chat("yes")) as server:
        for spec in (f"openai:gpt-5-mini@{server.url}", f"anthropic:claude-sonnet-4-5@{server.url}"):
            ledger = Ledger(Budget(usd=5.0))
            with (
                open_roles({"root": spec}, cache_dir=tmp_path, ledger=ledger, cassette=Cassette()) as roles,
                pytest.raises(InputError, match=r"no price is known for this model, so a budget of \$5 cannot be kept"),
            ):
                roles.root.model.complete(ASK)
    assert server.asked == []


def test_no_root_and_no_key_are_told_before_anything_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ledger = Ledger(Budget())
    with (
        pytest.raises(ConfigError, match="no model is given for the root"),
        open_roles({"map": "local"}, cache_dir=tmp_path, ledger=ledger, cassette=Cassette()),
    ):
        pass
    with (
        pytest.raises(EnvironmentMissing, match="OPENAI_API_KEY is not set"),
        open_roles({"root": "openai:gpt-5-mini"}, cache_dir=tmp_path, ledger=ledger, cassette=Cassette()),
    ):
        pass
    with pytest.raises(ConfigError, match="does not say which model was the root"):
        replayed_roles({}, Cassette())


@pytest.mark.llm
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the 'local' extra")
@pytest.mark.parametrize(("asked", "served"), [(None, 8192), (2048, 2048), (32_768, 8192)])
def test_the_embedded_server_serves_the_context_that_the_roles_are_told(
    tmp_path: Path, asked: int | None, served: int
) -> None:
    settings = RoleSettings(
        parallel=2, server=ServerSettings(threads=1), context_tokens={} if asked is None else {"root": asked}
    )
    ledger = Ledger(Budget(usd=0.0))
    with open_roles(
        {"root": "local"}, cache_dir=tmp_path, ledger=ledger, cassette=Cassette(), settings=settings
    ) as roles:
        assert {roles[role].context_tokens for role in ROLES} == {served}
