import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from llm_fake_server import FakeServer, Reply, chat, closed_port, failure, fake_server
from pydantic import BaseModel

from halo_opt.core.errors import EnvironmentMissing, ExitCode
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.model import Message, ModelError, ModelUnreachable
from halo_opt.llm.open_endpoint import probe
from halo_opt.llm.providers import CallSettings, ProviderModel, open_model

ASK = [
    Message(role="system", content="You answer."),
    Message(role="user", content="Is two even?"),
    Message(role="assistant", content="Yes."),
    Message(role="user", content="And three?"),
]


class Verdict(BaseModel):
    verdict: Literal["even", "odd"]


class Clock:
    """Stands for waiting: records it and takes no time."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def endpoint_of(url: str, *, provider: str = "lab", free: bool = False) -> Endpoint:
    return Endpoint(base_url=url, api_key="sesame", model="fake-1", free=free, provider=provider)


@contextmanager
def model_on(
    server: FakeServer, clock: Clock | None = None, *, provider: str = "lab", free: bool = False, **settings: float
) -> Iterator[ProviderModel]:
    chosen = CallSettings(**settings)  # type: ignore[arg-type]
    endpoint = endpoint_of(server.url, provider=provider, free=free)
    with open_model(endpoint, settings=chosen, rng=random.Random(7), sleep=(clock or Clock()).sleep) as model:
        yield model


def test_a_reply_comes_with_its_tokens_and_no_invented_price() -> None:
    with fake_server(chat("odd")) as server, model_on(server) as model:
        completion = model.complete(ASK)
    assert (completion.text, completion.tokens_in, completion.tokens_out) == ("odd", 12, 5)
    assert completion.cost_usd is None
    assert completion.parsed is None


def test_the_conversation_the_model_and_the_key_are_sent_as_given() -> None:
    with fake_server(chat("odd")) as server, model_on(server, max_tokens=77) as model:
        model.complete(ASK)
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sesame"
    assert [(m["role"], m["content"]) for m in body["messages"]] == [(m.role, m.content) for m in ASK]
    assert body["model"] == "fake-1"
    assert 77 in {body.get("max_tokens"), body.get("max_completion_tokens")}
    assert "temperature" not in body


def test_a_free_server_costs_nothing_and_is_asked_for_its_surest_reply() -> None:
    with fake_server(chat("odd")) as server, model_on(server, free=True) as model:
        assert model.complete(ASK).cost_usd == 0.0
    assert server.asked[0][2]["temperature"] == 0.0


def test_a_schema_is_enforced_by_the_server_and_parsed() -> None:
    with fake_server(chat('{"verdict": "odd"}')) as server, model_on(server) as model:
        assert model.complete(ASK, schema=Verdict).parsed == Verdict(verdict="odd")
    asked = server.asked[0][2]["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["schema"]["properties"]["verdict"]["enum"] == ["even", "odd"]


def test_our_own_server_is_asked_for_compact_json() -> None:
    with fake_server(chat('{"verdict": "odd"}')) as server, model_on(server, provider="local", free=True) as model:
        model.complete(ASK, schema=Verdict)
    schema = server.asked[0][2]["response_format"]["json_schema"]["schema"]
    assert schema["x-guidance"]["whitespace_flexible"] is False


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (chat("odd, I think"), "reply is not a Verdict: .*it begins 'odd, I think'"),
        (chat('{"verdict": "prime"}'), "reply is not a Verdict: verdict: Input should be 'even' or 'odd'"),
        (chat('{"verdict": "o', finish="length"), "cut off at 1024 tokens before its Verdict was complete"),
    ],
)
def test_a_reply_that_does_not_fit_is_told_and_its_tokens_are_counted(reply: Reply, words: str) -> None:
    with (
        fake_server(reply) as server,
        model_on(server) as model,
        pytest.raises(ModelError, match=words) as caught,
    ):
        model.complete(ASK, schema=Verdict)
    assert len(server.asked) == 1
    assert caught.value.spent is not None
    assert caught.value.spent.tokens_out == 5


def test_too_many_requests_waits_as_long_as_the_server_asks() -> None:
    clock = Clock()
    with (
        fake_server(failure(429, "slow down", Retry_After="7"), chat("odd")) as server,
        model_on(server, clock) as model,
    ):
        assert model.complete(ASK).text == "odd"
    assert clock.waits == [7.0]
    assert len(server.asked) == 2


def test_a_wait_longer_than_the_cap_is_not_begun() -> None:
    clock = Clock()
    with (
        fake_server(failure(429, "slow down", Retry_After="3600"), chat("odd")) as server,
        model_on(server, clock, max_wait_s=60) as model,
        pytest.raises(ModelError, match=r"\(slow down\); run fewer in parallel, or wait 1 h 00 min, as it asks"),
    ):
        model.complete(ASK)
    assert clock.waits == []


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_error_is_tried_again(status: int) -> None:
    clock = Clock()
    with (
        fake_server(failure(status, "oops"), failure(status, "oops"), chat("odd")) as server,
        model_on(server, clock) as model,
    ):
        assert model.complete(ASK).text == "odd"
    assert [1.0 <= wait <= 1.5 for wait in clock.waits[:1]] == [True]
    assert [2.0 <= wait <= 3.0 for wait in clock.waits[1:]] == [True]


def test_tries_have_a_cap() -> None:
    clock = Clock()
    with (
        fake_server(failure(500, "oops")) as server,
        model_on(server, clock, max_tries=3) as model,
        pytest.raises(ModelError, match=r"answered with an error 500 \(oops\) \(3 tries\)"),
    ):
        model.complete(ASK)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (failure(401, "bad key"), r"refuses the key \(bad key\); check LAB_API_KEY"),
        (failure(404, "no such model"), r"is not served there \(no such model\)"),
        (failure(400, "bad request"), r"error 400 \(bad request\)"),
        (failure(402, "no credit"), r"quota is used up \(no credit\)"),
    ],
)
def test_what_another_try_cannot_mend_is_not_tried_again(reply: Reply, words: str) -> None:
    clock = Clock()
    with (
        fake_server(reply) as server,
        model_on(server, clock) as model,
        pytest.raises(ModelError, match=words) as caught,
    ):
        model.complete(ASK)
    assert len(server.asked) == 1
    assert caught.value.spent is None
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


def test_a_server_that_hangs_is_given_up_on_and_may_have_been_billed() -> None:
    with (
        fake_server(Reply(hang=True)) as server,
        model_on(server, timeout_s=0.3) as model,
        pytest.raises(ModelUnreachable, match=r"did not answer within 0\.3 seconds") as caught,
    ):
        model.complete(ASK)
    assert len(server.asked) == 1
    assert caught.value.spent is not None


def test_a_server_that_is_down_is_unreachable_and_charged_nothing() -> None:
    clock = Clock()
    endpoint = endpoint_of(f"http://127.0.0.1:{closed_port()}/v1")
    with (
        open_model(endpoint, settings=CallSettings(max_tries=2), sleep=clock.sleep) as model,
        pytest.raises(ModelUnreachable, match=r"cannot be reached \(2 tries\).*start the server") as caught,
    ):
        model.complete(ASK)
    assert caught.value.spent is None


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"unexpected": true}', b"", b'{"choices": []}'])
def test_an_answer_that_is_no_completion_is_one_clear_error(body: bytes) -> None:
    with (
        fake_server(Reply(body=body)) as server,
        model_on(server, max_tries=1) as model,
        pytest.raises(ModelError, match="fake-1 at http://127"),
    ):
        model.complete(ASK)


def test_a_reply_without_usage_has_unknown_tokens_not_zero() -> None:
    with fake_server(chat("odd", tokens=None)) as server, model_on(server) as model:
        completion = model.complete(ASK)
    assert completion.tokens_in is None
    assert completion.cost_usd is None


def test_several_threads_share_one_model() -> None:
    texts: list[str] = []
    with fake_server(chat("odd")) as server, model_on(server) as model:
        threads = [threading.Thread(target=lambda: texts.append(model.complete(ASK).text)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == ["odd"] * 6


def test_anthropic_is_called_in_its_own_way() -> None:
    answer = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": '{"verdict": "odd"}'}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 4},
    }
    with fake_server(Reply(body=answer)) as server:
        endpoint = Endpoint(server.url, "sesame", "claude-sonnet-5", free=False, provider="anthropic")
        with open_model(endpoint) as model:
            completion = model.complete(ASK, schema=Verdict)
    path, headers, body = server.asked[0]
    assert path.split("?")[0] == "/v1/messages"
    assert "sesame" in headers.get("authorization", "") + headers.get("x-api-key", "")
    assert body["messages"][0]["role"] == "user"
    assert completion.parsed == Verdict(verdict="odd")
    assert (completion.tokens_in, completion.tokens_out) == (9, 4)


def test_probing_a_server_that_answers_says_nothing() -> None:
    with fake_server(chat("H")) as server:
        probe(endpoint_of(server.url))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (failure(401, "bad key"), r"answered 401: the key is refused; check LAB_API_KEY \(bad key\)"),
        (failure(404, "unknown"), r"it has no model 'fake-1', or the address lacks /v1 \(unknown\)"),
        (failure(503, "loading"), r"answered 503: loading"),
        (Reply(body=b"<html>"), "is not an OpenAI-compatible model server"),
        (Reply(body=[]), "is not an OpenAI-compatible model server"),
        (Reply(body={"choices": []}), "is not an OpenAI-compatible model server"),
        (Reply(cut=True), "does not answer"),
        (Reply(hang=True), r"does not answer \(timed out\)"),
    ],
)
def test_probing_says_in_one_sentence_what_is_wrong(reply: Reply, words: str) -> None:
    with fake_server(reply) as server, pytest.raises(EnvironmentMissing, match=words) as caught:
        probe(endpoint_of(server.url), timeout_s=0.5)
    assert "sesame" not in str(caught.value)


def test_probing_a_closed_port_says_that_nothing_answers() -> None:
    with pytest.raises(EnvironmentMissing, match=r"does not answer .*Connection refused.*start it"):
        probe(endpoint_of(f"http://127.0.0.1:{closed_port()}/v1"))
