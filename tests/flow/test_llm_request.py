"""What goes over the wire: schemas, what a provider is asked to keep, and what it says it had kept."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from llm_fake_server import FakeServer, closed_port, fake_server, said
from pydantic import BaseModel

from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Completion, Message
from halo_opt.llm.price_list import Price
from halo_opt.llm.prices import cost_of, estimate
from halo_opt.llm.providers import CallSettings, open_model

SYSTEM = Message(role="system", content="You answer.")
FIRST = [SYSTEM, Message(role="user", content="Is three odd?", now="2 minutes left")]
SECOND = [
    SYSTEM,
    Message(role="user", content="Is three odd?"),
    Message(role="assistant", content="Yes."),
    Message(role="user", content="And four?", now="1 minute left"),
]
KEPT = {"type": "ephemeral", "ttl": "5m"}


class Verdict(BaseModel):
    verdict: Literal["even", "odd"]


def ask(
    server: FakeServer,
    messages: Sequence[Message],
    *,
    provider: str,
    schema: type[BaseModel] | None = None,
    model: str = "m",
    url: str | None = None,
    price: Price | None = None,
    cache: Literal["conversation", "instructions", "nothing"] = "conversation",
) -> tuple[Completion, Any]:
    """The completion and the body that the server got."""
    endpoint = Endpoint(url or server.url, "sesame", model, free=False, provider=provider, price=price)
    with open_model(endpoint, settings=CallSettings(cache=cache)) as opened:
        completion = opened.complete(messages, schema=schema)
    return completion, server.asked[-1][2]


def test_anthropic_is_asked_to_keep_the_instructions_and_the_conversation_but_not_what_is_true_only_now() -> None:
    with fake_server(said("yes")) as server:
        _, first = ask(server, FIRST, provider="anthropic")
        _, second = ask(server, SECOND, provider="anthropic")
    assert first["system"] == [{"type": "text", "text": "You answer.", "cache_control": KEPT}]
    kept = {"type": "text", "text": "Is three odd?", "cache_control": KEPT}
    assert first["messages"] == [{"role": "user", "content": [kept, {"type": "text", "text": "2 minutes left"}]}]
    # What the first call had kept is how the second begins.
    assert second["system"] == first["system"]
    assert second["messages"][0] == {"role": "user", "content": [{"type": "text", "text": "Is three odd?"}]}
    assert second["messages"][-1]["content"][0]["cache_control"] == KEPT


@pytest.mark.parametrize(("cache", "marks"), [("conversation", 2), ("instructions", 1), ("nothing", 0)])
def test_no_more_is_kept_than_was_asked_for(
    cache: Literal["conversation", "instructions", "nothing"], marks: int
) -> None:
    with fake_server(said("yes")) as server:
        _, body = ask(server, FIRST, provider="anthropic", cache=cache)
    assert str(body).count("cache_control") == marks
    said_to_user = str(body["messages"])
    assert "Is three odd?" in said_to_user
    assert "2 minutes left" in said_to_user


def test_openai_is_told_which_calls_share_their_instructions_and_other_servers_are_not() -> None:
    other = [Message(role="system", content="You doubt."), *FIRST[1:]]
    with fake_server(said("yes")) as server:
        keys = [ask(server, m, provider="openai")[1].get("prompt_cache_key") for m in (FIRST, SECOND, other)]
        _, plain = ask(server, FIRST, provider="lab")
    assert keys[0] is not None
    assert keys[0] == keys[1] != keys[2]
    assert "prompt_cache_key" not in plain
    assert plain["messages"][-1]["content"] == "Is three odd?\n\n2 minutes left"


@pytest.mark.parametrize("provider", ["lab", "anthropic"])
def test_tokens_from_the_cache_are_counted_and_priced_as_such(provider: str) -> None:
    price = Price(input=1e6, output=0, cached=1e5)
    with fake_server(said("yes", tokens=(100, 5), cached=80)) as server:
        completion, _ = ask(server, FIRST, provider=provider, price=price)
    assert (completion.tokens_in, completion.tokens_cached) == (100, 80)
    assert completion.cost_usd == pytest.approx(20 + 8)


def test_a_listed_model_s_cached_tokens_are_cheaper_and_kept_ones_are_reserved_for() -> None:
    endpoint = Endpoint("https://api.anthropic.com/v1", "k", "claude-sonnet-4-5", free=False, provider="anthropic")

    read, cached = (cost_of(endpoint, tokens_in=1000, tokens_out=0, cache_read=number) for number in (0, 900))
    reserved = estimate(endpoint, tokens_in=1000, tokens_out=0)
    assert read is not None
    assert cached is not None
    assert reserved is not None
    assert cached < read < reserved


def test_a_server_that_speaks_anthropic_s_protocol_is_told_the_schema_in_words() -> None:
    for model in ("qwen", "claude-sonnet-5"):
        with fake_server(said('Sure: {"verdict": "odd"}')) as server:
            completion, body = ask(server, FIRST, provider="anthropic", schema=Verdict, model=model)
        assert completion.parsed == Verdict(verdict="odd")
        assert body.get("output_config") is None
        *_, words = body["system"]
        assert '"enum"' in words["text"]
        assert "even" in words["text"]


def test_anthropic_itself_is_given_the_schema_where_the_model_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with fake_server(said('{"verdict": "odd"}')) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))  # stands for the provider
        bodies = {
            model: ask(server, FIRST, provider="anthropic", schema=Verdict, model=model, url="http://api.example/v1")[1]
            for model in ("claude-sonnet-5", "claude-3-haiku")
        }
    enforced, told = bodies["claude-sonnet-5"], bodies["claude-3-haiku"]
    assert enforced["output_config"]["format"]["schema"]["properties"]["verdict"]["enum"] == ["even", "odd"]
    assert len(enforced["system"]) == 1
    assert told.get("output_config") is None
    assert "enum" in str(told["system"])


def test_the_reservation_covers_what_is_true_only_now() -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{closed_port()}/v1", "k", "m", free=True)
    reserved: list[int] = []
    ledger = Ledger(Budget(), on_event=lambda event: reserved.append(event.amount.tokens_in))

    class Quick:
        name = "m"

        def complete(self, messages: Sequence[Message], **_: object) -> Completion:
            return Completion(text="yes")

    model = MeteredModel(Quick(), ledger, endpoint, max_tokens=5, purpose="p")
    for now in ("", "x" * 1000):
        model.complete([Message(role="user", content="?", now=now)])
    assert reserved[2] - reserved[0] >= 400
