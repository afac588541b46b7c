"""Every client against a real local server: patience with outages, and a cause for each one that lasts."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from model_servers import Asked, Kind, ModelServer, request, serving

from halo_common.model_calls import error_message, retry_after
from harness.core.errors import AttemptError, Cause
from harness.models.base import ModelDown
from harness.models.build import build_model
from harness.settings.schema import ModelSettings


@pytest.fixture(params=["openai", "anthropic"])
def server(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    with serving(request.param) as started:
        yield started


def refused(asked: Asked, *, seconds: float = 30.0) -> AttemptError:
    with pytest.raises(AttemptError) as caught:
        asked(seconds=seconds)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
    return caught.value


def test_a_reply_comes_with_its_tokens_and_times(server: ModelServer) -> None:
    server.says("hi")
    reply = Asked(server)()
    assert (reply.text, reply.tokens.prompt, reply.tokens.reply, reply.tries) == ("hi", 11, 7, 1)
    assert reply.started_at <= reply.ended_at
    assert server.seen[0]["model"] == "m"


def test_the_key_goes_to_the_server_and_nowhere_else(server: ModelServer) -> None:
    server.says("hi")
    reply = Asked(server)()
    assert "sesame" in (server.headers[0].get("authorization") or server.headers[0].get("x-api-key") or "")
    assert "sesame" not in reply.model_dump_json()


def test_a_server_error_is_tried_again_with_growing_waits(server: ModelServer) -> None:
    server.fails(500)
    server.fails(503)
    server.says("hi")
    asked = Asked(server)
    reply = asked()
    assert (reply.text, reply.tries) == ("hi", 3)
    assert asked.waits == [0.25, 0.5]


def test_an_overloaded_provider_is_tried_again(server: ModelServer) -> None:
    server.fails(529, "Overloaded", "overloaded_error")
    server.says("hi")
    assert Asked(server)().text == "hi"


def test_a_retry_after_is_kept_to(server: ModelServer) -> None:
    server.fails(429, Retry_After="25")
    server.says("hi")
    asked = Asked(server)
    assert asked().text == "hi"
    assert asked.waits == [25.0]


def test_a_retry_after_beyond_the_attempt_s_time_ends_it_at_once(server: ModelServer) -> None:
    server.fails(429, Retry_After="600")
    asked = Asked(server)
    error = refused(asked)
    assert error.cause is Cause.MODEL_ERROR
    assert "asks to wait 600 s, longer than the attempt has left" in str(error)
    assert asked.waits == []


def test_a_lasting_server_error_is_an_error_with_the_server_s_words(server: ModelServer) -> None:
    server.fails(500, "out of\nmemory")
    error = refused(Asked(server, retries=2))
    assert error.cause is Cause.MODEL_ERROR
    assert not isinstance(error, ModelDown)
    assert "status 500, asked 3 times: some_error: out of memory" in str(error)
    assert len(server.seen) == 3


def test_a_lasting_rate_limit_is_an_error_of_the_attempt_only(server: ModelServer) -> None:
    server.fails(429, "slow down", "rate_limit_error", Retry_After="1")
    error = refused(Asked(server, retries=1))
    assert "status 429" in str(error)
    assert not isinstance(error, ModelDown)


def test_a_bad_request_is_not_sent_again(server: ModelServer) -> None:
    server.fails(400, "context too long")
    error = refused(Asked(server))
    assert "context too long" in str(error)
    assert not isinstance(error, ModelDown)
    assert len(server.seen) == 1


def test_a_refused_key_stops_everything_and_names_its_variable(server: ModelServer) -> None:
    server.fails(401, "invalid key")
    error = refused(Asked(server))
    assert isinstance(error, ModelDown)
    assert f"refused the key in {server.kind.upper()}_API_KEY" in str(error)
    assert len(server.seen) == 1


def test_a_model_that_may_not_be_used_stops_everything(server: ModelServer) -> None:
    server.fails(403, "no access")
    error = refused(Asked(server))
    assert isinstance(error, ModelDown)
    assert "may not use the worker 'm'" in str(error)


def test_a_model_that_is_not_there_stops_everything_and_is_named(server: ModelServer) -> None:
    server.fails(404, "The model `m` does not exist.", "NotFoundError")
    error = refused(Asked(server))
    assert isinstance(error, ModelDown)
    assert "serves no model 'm' (NotFoundError: The model `m` does not exist.)" in str(error)
    assert "HALO_WORKER_MODEL" in str(error)


def test_the_remedy_for_a_model_that_is_not_there_fits_its_role_and_mode() -> None:
    with serving("openai") as server:
        server.fails(404)
        fixed = refused(Asked(server, fixed=True))
        model = ModelSettings.model_validate({"base_url": server.base_url, "name": "strong"})
        manager = build_model(model, "manager", {})
        with pytest.raises(ModelDown, match=r"correct the manager's name in the config or by HALO_MANAGER_MODEL"):
            manager.ask(request(), deadline=time.monotonic() + 30)
        manager.close()
    assert "HALO_WORKER_MODEL" not in str(fixed)


def test_a_key_that_the_server_repeats_is_not_told_on(server: ModelServer) -> None:
    server.fails(401, "Incorrect API key provided: sesame" + " again" * 99)
    assert "Incorrect API key provided: [key] again" in str(refused(Asked(server)))


@pytest.mark.parametrize(
    ("kind", "status", "code", "words"),
    [
        ("openai", 429, "insufficient_quota", "You exceeded your current quota"),
        ("anthropic", 400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        ("anthropic", 402, "billing_error", "payment required"),
    ],
)
def test_a_spent_account_stops_everything_at_once(kind: Kind, status: int, code: str, words: str) -> None:
    with serving(kind) as server:
        server.fails(status, words, code)
        error = refused(Asked(server))
    assert isinstance(error, ModelDown)
    assert f"the account of {kind.upper()}_API_KEY has no credit left" in str(error)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("kind", "remedy"), [("openai", "set OPENAI_BASE_URL"), ("anthropic", "set base_url in the config")]
)
def test_nothing_listening_is_named_with_the_remedy(kind: Kind, remedy: str) -> None:
    asked = Asked("http://127.0.0.1:9/v1", kind=kind, retries=2)
    error = refused(asked)
    assert isinstance(error, ModelDown)
    assert error.cause is Cause.MODEL_UNREACHABLE
    assert str(error).startswith("no model answers at http://127.0.0.1:9/v1 (connection failed 3 times)")
    assert remedy in str(error)
    assert len(asked.waits) == 2


def test_a_vllm_server_that_is_not_there_names_its_own_variable() -> None:
    error = refused(Asked("http://127.0.0.1:9/v1", backend="vllm", retries=0))
    assert "set HALO_VLLM_URL" in str(error)


def test_a_dropped_connection_is_tried_again(server: ModelServer) -> None:
    server.drops()
    server.says("hi")
    assert Asked(server)().text == "hi"


def test_a_reply_that_breaks_off_is_asked_for_again(server: ModelServer) -> None:
    server.sends(b'{"choices"', Content_Length="999")
    server.says("hi")
    assert Asked(server)().text == "hi"


def test_a_hanging_server_is_an_error_after_its_retries(server: ModelServer) -> None:
    server.hangs()
    error = refused(Asked(server, timeout=1.0, retries=1))
    assert error.cause is Cause.MODEL_ERROR
    assert "did not reply within 1 s, asked 2 times" in str(error)
    assert not isinstance(error, ModelDown)


def test_a_hanging_server_costs_no_more_than_the_attempt_s_time(server: ModelServer) -> None:
    server.hangs()
    error = refused(Asked(server), seconds=0.3)
    assert error.cause is Cause.TIME_LIMIT
    assert len(server.seen) == 1


def test_no_request_is_made_when_the_attempt_s_time_is_up(server: ModelServer) -> None:
    server.says("hi")
    assert refused(Asked(server), seconds=-1).cause is Cause.TIME_LIMIT
    assert server.seen == []


NOT_REPLIES = [b"<html>Sign in</html>", b"", b"[]", b'{"choices": []}', b'{"content": null}', b"\xff\xfe", b"{" * 9000]


@pytest.mark.parametrize("body", NOT_REPLIES)
def test_what_is_not_a_reply_is_an_error_in_one_sentence(server: ModelServer, body: bytes) -> None:
    server.sends(body)
    error = refused(Asked(server))
    assert error.cause is Cause.MODEL_ERROR
    assert "not a chat completion" in str(error)


def test_an_error_that_comes_with_status_200_is_told(server: ModelServer) -> None:
    server.sends({"error": {"message": "upstream is down", "code": 502}})
    assert "502: upstream is down" in str(refused(Asked(server)))


def test_a_page_instead_of_a_reply_is_an_error_whatever_its_type(server: ModelServer) -> None:
    server.sends(b"<html>Sign in</html>", Content_Type="text/html")
    assert "<html>Sign in</html>" in str(refused(Asked(server)))


def test_prose_is_handed_on_as_it_is(server: ModelServer) -> None:
    server.says("I would press OK.")
    assert Asked(server)(request(schema={"type": "object", "properties": {}})).text == "I would press OK."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 00:01:00 GMT"}, 60.0),
        ({"retry-after": "Sat, 21 Nov 2026 00:00:00 GMT"}, 0.0),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=datetime(2026, 11, 22, tzinfo=UTC)) == seconds


def test_the_words_of_an_error_body() -> None:
    assert error_message('{"error": {"message": "a\\n b", "code": null}}', code=True) == "a b"
    assert error_message('{"object": "error", "message": "gone", "code": 404}', code=True) == "404: gone"
    assert error_message('{"detail": "nope"}', code=True) == '{"detail": "nope"}'
    assert error_message("x" * 500, code=True) == "x" * 197 + "..."
