"""What would stop an attempt is said before anything is paid for: keys, endpoints, config. Real local servers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from local_servers import running

from harness.core.errors import EnvironmentMissing
from harness.evaluation.preflight import Check, State, config, endpoint, keys, lines_of, model_checks, modules, require
from harness.settings.load import DEFAULT_CONFIG
from harness.settings.schema import HarnessSettings, ModelSettings


class Models(HTTPServer):
    """An endpoint that is asked for its list of models, and for nothing else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = 200, json.dumps({"data": [{"id": "tiny"}]})
        self.asked: list[tuple[str, str, str | None]] = []

    def model(self, **changes: str) -> ModelSettings:
        base = {"name": "tiny", "base_url": f"http://127.0.0.1:{self.server_address[1]}/v1", "api_key_env": "TEST_KEY"}
        return ModelSettings.model_validate(base | changes)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Models)
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization")))
        data = self.server.body.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Models]:
    with running(Models()) as models:
        yield models


def test_an_endpoint_is_asked_for_its_models_and_for_nothing_that_costs(
    server: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-secret")
    check = endpoint("worker", server.model(), needed=True)
    assert (check.state, server.asked) == (State.OK, [("GET", "/v1/models", "Bearer sk-secret")])
    assert "lists tiny" in check.message
    assert "sk-secret" not in "".join(lines_of([check, *keys([("TEST_KEY", True)])]))


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (401, State.FAILED, "wants a key (status 401); put the right one into TEST_KEY"),
        (403, State.FAILED, "wants a key (status 403)"),
        (429, State.FAILED, "answers with status 429; try again later"),
        (500, State.FAILED, "answers with status 500"),
        (404, State.OK, "answers"),
    ],
)
def test_a_refusal_is_told_from_an_endpoint_without_a_list(
    server: Models, status: int, state: State, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    server.status = status
    check = endpoint("worker", server.model(), needed=True)
    assert check.state is state
    assert words in lines_of([check])[1]


def test_a_key_that_is_refused_is_named(server: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "x")
    server.status = 401
    assert "refuses the key" in endpoint("worker", server.model(), needed=True).message


@pytest.mark.parametrize("body", ["", "[]", "{", '{"data": [1]}', '{"data": [{"id": "other"}]}'])
def test_any_list_of_models_is_an_answer(server: Models, body: str) -> None:
    server.body = body
    check = endpoint("worker", server.model(), needed=True)
    assert check.state is State.OK
    assert ("does not list tiny: other" in check.message) == ("other" in body)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://no such host/v1", "http://[/v1"])
def test_nothing_listening_is_a_sentence_with_a_remedy(address: str) -> None:
    check = endpoint("worker", ModelSettings.model_validate({"base_url": address}), needed=True)
    assert check.state is State.FAILED
    assert f"no answer from {address}" in check.message
    assert "OPENAI_BASE_URL" in check.remedy


def test_a_key_is_needed_only_where_a_mode_asks_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "y")
    found = {c.name: c for c in keys([("OPENAI_API_KEY", True)])}
    assert found["key OPENAI_API_KEY"].stops
    assert found["key ANTHROPIC_API_KEY"].state is State.OK
    assert not any(c.stops for c in [*keys([("OPENAI_API_KEY", False)]), *keys([])])


def test_a_server_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = HarnessSettings.model_validate({"model": {"base_url": "http://127.0.0.1:9/v1"}})
    assert [c.name for c in model_checks(settings, needed=True) if c.stops] == ["worker endpoint"]
    assert not any(c.stops for c in model_checks(settings, needed=False))


def test_rules_ask_no_endpoint_at_all() -> None:
    rules = HarnessSettings.model_validate({"worker": "rules"})
    assert [c.name for c in model_checks(rules, needed=True)] == ["key OPENAI_API_KEY", "key ANTHROPIC_API_KEY"]
    assert not any(c.stops for c in model_checks(rules, needed=True))


def test_only_what_is_needed_stops() -> None:
    checks = [
        Check(name="a", state=State.OK, message="fine"),
        Check(name="b", state=State.MISSING, message="not set", remedy="set it", needed=False),
    ]
    require(checks)
    assert "missing (not needed)" in lines_of(checks)[2]
    with pytest.raises(EnvironmentMissing, match="cannot run here: c; see the table"):
        require([*checks, Check(name="c", state=State.FAILED, message="broken")])


def test_the_config_is_checked_with_its_prompts(tmp_path: Path) -> None:
    assert config(DEFAULT_CONFIG).state is State.OK
    broken = config(tmp_path / "none.yaml")
    assert broken.stops
    assert "does not exist" in broken.message


def test_this_machine_has_the_packages() -> None:
    assert not any(c.stops for c in modules())
