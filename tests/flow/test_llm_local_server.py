"""The embedded server for real: its child process, its ends and its errors. Those that need the weights are marked."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from llm_fault_proxy import FaultProxy
from llm_faults import CUT_BEFORE, rate_limited
from pydantic import BaseModel

from halo_opt.core.errors import EnvironmentMissing
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger, SpendEvent
from halo_opt.llm.local import LocalServer, ServerSettings, available_cores, serve
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import InvalidReply, Message, PromptTooLong
from halo_opt.llm.open_endpoint import open_endpoint, probe
from halo_opt.llm.providers import CallSettings, open_model
from halo_opt.llm.spec import DEFAULT_MODEL, PathModel

pytestmark = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs the 'local' extra")

PARENT = """
import sys, threading, time
from pathlib import Path
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.local import LocalServer, ServerSettings
from halo_opt.llm.spec import DEFAULT_MODEL

server = LocalServer(DEFAULT_MODEL, cache_dir=Path(sys.argv[1]), settings=ServerSettings(threads=1))
starter = threading.Thread(target=server.start)
if sys.argv[2] == "thread":
    starter.start()
    starter.join()
else:
    server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


class Choice(BaseModel):
    action: Literal["click", "fill"]
    target: Literal["OK", "Cancel"]


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie that nobody reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    while is_running(pid):  # a server that stays is caught by the test's time limit
        time.sleep(0.05)


@pytest.fixture
def garbage(tmp_path: Path) -> Path:
    path = tmp_path / "garbage.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(range(256)) * 16)
    return path


def test_a_corrupt_file_is_one_error_with_the_end_of_the_log(
    garbage: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EnvironmentMissing) as caught, serve(PathModel(path=garbage), cache_dir=tmp_path / "cache"):
        pass
    assert f"the model server for {garbage} did not start" in str(caught.value)
    assert "the end of its log:\n" in str(caught.value)
    assert "failed to load model" in str(caught.value)
    (log,) = (tmp_path / "cache" / "logs").iterdir()
    assert f"(log: {log})" in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_server_that_is_not_ready_in_time_is_ended(garbage: Path, tmp_path: Path) -> None:
    server = LocalServer(
        PathModel(path=garbage), cache_dir=tmp_path / "cache", settings=ServerSettings(start_limit_s=0.001)
    )
    with pytest.raises(EnvironmentMissing, match=r"it was not ready within 0\.001 seconds"):
        server.start()
    assert server.pid is None
    server.stop()


def test_the_cores_of_this_machine_are_counted() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def server(cache: Path) -> Iterator[LocalServer]:
    server = LocalServer(DEFAULT_MODEL, cache_dir=cache, settings=ServerSettings(threads=1))
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.llm
def test_the_embedded_model_answers_by_schema_and_leaves_nothing(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_endpoint("local", cache_dir=cache, settings=ServerSettings(threads=1)) as endpoint:
        assert endpoint.base_url.startswith("http://127.0.0.1:")
        assert endpoint.free
        assert endpoint.model == "SmolLM2-135M-Instruct.Q4_1"
        probe(endpoint)
        ask = [
            Message(role="system", content='Answer with JSON such as {"action": "click", "target": "OK"}.'),
            Message(role="user", content="Click the OK button."),
        ]
        with open_model(endpoint) as model:
            completion = model.complete(ask, schema=Choice)
    assert isinstance(completion.parsed, Choice)
    assert completion.text.startswith('{"action": "')
    assert completion.cost_usd == 0.0
    assert completion.tokens_in is not None
    assert 20 < completion.tokens_in < 80
    assert list((cache / "logs").iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.llm
def test_a_caller_without_the_key_is_refused(server: LocalServer) -> None:
    endpoint = server.start()
    with pytest.raises(EnvironmentMissing, match="the key is refused"):
        probe(Endpoint(endpoint.base_url, "guess", endpoint.model, free=True))
    for path in ("/props", "/slots", "/v1/models"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(endpoint.base_url.removesuffix("/v1") + path)
        caught.value.close()
        assert caught.value.code in {401, 404}


@pytest.mark.llm
def test_a_server_that_was_killed_comes_back_at_the_same_address(server: LocalServer) -> None:
    endpoint = server.start()
    first = server.pid
    assert first is not None
    endpoint.ensure_alive()
    assert server.pid == first
    os.kill(first, signal.SIGKILL)
    wait_until_gone(first)
    endpoint.ensure_alive()
    assert server.pid != first
    probe(endpoint)


@pytest.mark.llm
def test_a_server_outlives_the_thread_that_started_it_and_ctrl_c(server: LocalServer) -> None:
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    pid = server.pid
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)
    time.sleep(1.0)
    assert is_running(pid)
    server.stop()
    assert not is_running(pid)


@pytest.mark.llm
@pytest.mark.parametrize("started_from", ["main", "thread"])
def test_the_server_ends_with_a_parent_that_is_killed(started_from: str, cache: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(cache), started_from]
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    wait_until_gone(child)


@pytest.mark.llm
def test_two_callers_are_served_at_once(server: LocalServer) -> None:
    endpoint = server.start()
    answers: list[str] = []

    def call(number: int) -> None:
        body = {"messages": [{"role": "user", "content": f"Say {number}"}], "max_tokens": 8, "temperature": 0}
        request = urllib.request.Request(
            f"{endpoint.base_url}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.api_key}"},
        )
        with urllib.request.urlopen(request) as answer:
            answers.append(json.load(answer)["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answers)


@pytest.mark.llm
@pytest.mark.parametrize("provider", ["local", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True])
def test_both_clients_get_an_object_from_the_real_server_after_faults_whole_and_streamed(
    server: LocalServer, provider: str, streamed: bool
) -> None:
    """It enforces schemas in OpenAI's protocol only; in Anthropic's the schema is said in words and examples help."""
    served = server.start()
    shown = Choice(action="click", target="OK").model_dump_json()
    ask = [Message(role="system", content="You choose what to press. Answer with one JSON object and nothing else.")]
    for _ in range(3):
        ask += [Message(role="user", content="Press OK."), Message(role="assistant", content=shown)]
    ask.append(Message(role="user", content="Press OK.", now="2 minutes left"))
    pieces: list[str] = []
    with FaultProxy(served.base_url, [rate_limited(0), CUT_BEFORE]) as proxy:
        endpoint = dataclasses.replace(served, provider=provider, base_url=proxy.url)
        with open_model(endpoint) as model:
            metered = MeteredModel(model, Ledger(Budget(calls=3)), endpoint, max_tokens=1024, purpose="test")
            completion = metered.complete(ask, schema=Choice, on_text=pieces.append if streamed else None)
            again = metered.complete(ask, schema=Choice)
    assert proxy.seen == ["status 429", "cut before", "", ""]
    assert completion.parsed == Choice(action="click", target="OK")
    assert "".join(pieces) == (completion.text if streamed else "")
    assert len(pieces) > 3 or not streamed
    assert completion.tokens_in is not None
    assert completion.tokens_out is not None
    assert completion.tokens_out >= 8
    assert again.tokens_cached is not None
    assert again.tokens_cached >= completion.tokens_in // 2


PROMPTS = [
    [Message(role="user", content="")],
    [Message(role="user", content="1 2 3 4 5 6 7 8 9 0 ,.;:!?")],
    [Message(role="user", content="é Ω 漢字 🙂 \u200b\x00 <|im_start|>", now="1 call left")],
    [
        Message(role="system", content="s"),
        *([Message(role="user", content="u"), Message(role="assistant", content="")] * 9),
    ],
]


@pytest.mark.llm
@pytest.mark.parametrize("messages", PROMPTS)
def test_no_call_uses_more_tokens_than_were_reserved_for_it(server: LocalServer, messages: list[Message]) -> None:
    endpoint = server.start()
    events: list[SpendEvent] = []
    ledger = Ledger(Budget(), on_event=events.append)
    with open_model(endpoint, settings=CallSettings(max_tokens=8)) as model, contextlib.suppress(InvalidReply):
        MeteredModel(model, ledger, endpoint, max_tokens=8, purpose="test").complete(messages)
    reserved, settled = (event.amount for event in events)
    assert 0 < settled.tokens_in <= reserved.tokens_in
    assert settled.tokens_out <= reserved.tokens_out == 8


@pytest.mark.llm
@pytest.mark.parametrize("provider", ["local", "anthropic"])
def test_the_real_server_s_words_for_a_long_prompt_are_recognised(server: LocalServer, provider: str) -> None:
    endpoint = dataclasses.replace(server.start(), provider=provider)
    with open_model(endpoint) as model, pytest.raises(PromptTooLong, match="exceeds the available context size"):
        model.complete([Message(role="user", content="word " * 9000)])
