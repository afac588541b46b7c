"""The model client against a real local server: patience with outages, and a cause for each one that lasts."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from harness_pages import button, page

from harness.config import HarnessSettings, ModelSettings
from harness.errors import AttemptError, Cause
from harness.orchestrator import sampling_seed
from harness.policy.base import Turn
from harness.policy.chat import ChatClient, ModelDown
from harness.policy.examples import load_examples
from harness.policy.openai_compatible import OpenAICompatiblePolicy
from harness.prompts import Prompts
from harness.results import Job

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Endpoint(HTTPServer):
    """Answers with what `plan` holds, in order, then with the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[tuple[int, dict[str, str], str]] = []
        self.seen: list[dict[str, Any]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def says(self, *words: str) -> None:
        self.plan += [(200, {}, words) for words in words]

    def fails(self, status: int, **headers: str) -> None:
        self.plan.append((status, {k.replace("_", "-"): v for k, v in headers.items()}, "no"))


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Endpoint)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(json.loads(body))
        plan = self.server.plan
        status, headers, words = plan.pop(0) if len(plan) > 1 else plan[0]
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": USAGE,
        }
        data = json.dumps(reply if status == 200 else {"error": {"message": words}}).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Asked:
    """A client with the waits that it asked for instead of taken."""

    def __init__(self, base_url: str, **model: Any) -> None:
        self.waits: list[float] = []
        settings = ModelSettings.model_validate({"base_url": base_url, "name": "m", **model})
        self.client = ChatClient(settings, "key", sleep=self.waits.append)

    def __call__(self, seconds: float = 30.0) -> tuple[str, int | None, int | None]:
        try:
            messages = [{"role": "user", "content": "hello"}]
            return self.client.complete(messages, response_format=None, seed=5, deadline=time.monotonic() + seconds)
        finally:
            self.client.close()


def test_a_reply_comes_with_its_tokens(endpoint: Endpoint) -> None:
    endpoint.says("hi")
    assert Asked(endpoint.base_url)() == ("hi", 11, 7)
    assert endpoint.seen[0]["seed"] == 5
    assert endpoint.seen[0]["model"] == "m"


def test_a_server_error_is_tried_again_with_growing_waits(endpoint: Endpoint) -> None:
    endpoint.fails(500)
    endpoint.fails(503)
    endpoint.says("hi")
    asked = Asked(endpoint.base_url)
    assert asked()[0] == "hi"
    assert asked.waits == [0.25, 0.5]


def test_a_retry_after_is_kept_to(endpoint: Endpoint) -> None:
    endpoint.fails(429, Retry_After="3")
    endpoint.says("hi")
    asked = Asked(endpoint.base_url)
    assert asked()[0] == "hi"
    assert asked.waits == [3.0]


def test_a_lasting_server_error_is_an_error_with_its_cause(endpoint: Endpoint) -> None:
    endpoint.fails(500)
    with pytest.raises(AttemptError, match="status 500") as caught:
        Asked(endpoint.base_url, retries=2)()
    assert caught.value.cause is Cause.MODEL_ERROR
    assert len(endpoint.seen) == 3


def test_a_bad_request_is_not_sent_again(endpoint: Endpoint) -> None:
    endpoint.fails(400)
    with pytest.raises(AttemptError, match="status 400"):
        Asked(endpoint.base_url)()
    assert len(endpoint.seen) == 1


def test_a_refused_key_stops_everything(endpoint: Endpoint) -> None:
    endpoint.fails(401)
    with pytest.raises(ModelDown, match="check the key and the name"):
        Asked(endpoint.base_url)()


def test_nothing_listening_is_named_with_the_remedy() -> None:
    asked = Asked("http://127.0.0.1:9/v1", retries=2)
    with pytest.raises(
        ModelDown, match=r"no model answers at http://127\.0\.0\.1:9/v1 .*set OPENAI_BASE_URL"
    ) as caught:
        asked()
    assert caught.value.cause is Cause.MODEL_UNREACHABLE
    assert len(asked.waits) == 2


def test_the_attempt_s_time_bounds_every_wait(endpoint: Endpoint) -> None:
    endpoint.says("hi")
    with pytest.raises(AttemptError) as caught:
        Asked(endpoint.base_url)(seconds=-1)
    assert caught.value.cause is Cause.TIME_LIMIT


def decide(endpoint: Endpoint, problems: tuple[tuple[str, str], ...] = (), **groups: Any) -> str:
    settings = HarnessSettings.model_validate({"model": {"base_url": endpoint.base_url}, **groups})
    client = ChatClient(settings.model, "key")
    view = page(button(1, "OK"))
    turn = Turn(goal="Press OK.", page='[1] button "OK"', observation=view, choices=(), problems=problems)
    policy = OpenAICompatiblePolicy(settings, Prompts(), load_examples(), client)
    try:
        decision = policy.decide(turn, deadline=time.monotonic() + 30)
    finally:
        client.close()
    assert decision.call is not None
    assert decision.call.reply == decision.reply
    return decision.reply


def test_a_prose_reply_is_handed_on_as_it_is(endpoint: Endpoint) -> None:
    endpoint.says("I would press OK.")
    assert decide(endpoint) == "I would press OK."


def test_the_prompt_holds_goal_and_page_last(endpoint: Endpoint) -> None:
    endpoint.says("{}")
    decide(endpoint, prompt={"few_shot": True})
    messages = endpoint.seen[0]["messages"]
    assert messages[0]["role"] == "system"
    assert "Press OK." in messages[-1]["content"]
    assert '[1] button "OK"' in messages[-1]["content"]


def test_a_refused_reply_and_its_reason_are_shown_when_asked_again(endpoint: Endpoint) -> None:
    endpoint.says("{}")
    decide(endpoint, (("click it", "the reply is not a JSON object"),))
    roles = [m["role"] for m in endpoint.seen[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "the reply is not a JSON object" in endpoint.seen[0]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("kind", "sent"), [("json_schema", "json_schema"), ("json_object", "json_object"), ("text", None)]
)
def test_the_reply_format_is_what_the_setting_says(endpoint: Endpoint, kind: str, sent: str | None) -> None:
    endpoint.says("{}")
    decide(endpoint, model={"base_url": endpoint.base_url, "reply_format": kind})
    assert (endpoint.seen[0].get("response_format") or {}).get("type") == sent


def test_sampling_seeds_repeat_for_a_rerun_and_differ_for_another_attempt() -> None:
    first, again = Job(task_id="t", seed=1, attempt=0), Job(task_id="t", seed=1, attempt=0)
    other = Job(task_id="t", seed=1, attempt=1)
    assert sampling_seed(first, 0, 0) == sampling_seed(again, 0, 0)
    assert len({sampling_seed(first, 0, 0), sampling_seed(other, 0, 0), sampling_seed(first, 1, 0)}) == 3
