from pathlib import Path

import pytest

from halo_opt.core.errors import ConfigError, EnvironmentMissing
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.open_endpoint import open_endpoint, resolve
from halo_opt.llm.spec import RemoteModel, parse_spec

VARIABLES = (
    "OPENAI_BASE_URL OPENAI_API_KEY ANTHROPIC_BASE_URL ANTHROPIC_API_KEY OLLAMA_HOST OLLAMA_API_KEY VLLM_BASE_URL "
    "VLLM_API_KEY GROQ_API_KEY HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy"
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES.split():
        monkeypatch.delenv(name, raising=False)


def resolved(text: str) -> Endpoint:
    spec = parse_spec(text)
    assert isinstance(spec, RemoteModel)
    return resolve(spec)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_missing_key_names_the_variable_to_set(provider: str) -> None:
    variable = f"{provider.upper()}_API_KEY"
    with pytest.raises(EnvironmentMissing, match=f"{provider}:m needs a key and {variable} is not set; run: export"):
        resolved(f"{provider}:m")


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("openai:m", {"OPENAI_API_KEY": "a"}, ("https://api.openai.com/v1", "a", False)),
        ("openai:m", {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "https://x/v1/"}, ("https://x/v1", "a", False)),
        ("openai:m@http://y/v1", {"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "http://x"}, ("http://y/v1", "a", False)),
        ("anthropic:m", {"ANTHROPIC_API_KEY": "b"}, ("https://api.anthropic.com/v1", "b", False)),
        ("ollama:m", {}, ("http://127.0.0.1:11434/v1", "none", True)),
        ("ollama:m", {"OLLAMA_HOST": "box:9"}, ("http://box:9/v1", "none", True)),
        ("vllm:m", {}, ("http://127.0.0.1:8000/v1", "none", True)),
        ("vllm:m@http://gpu:1/v1", {"VLLM_API_KEY": "c"}, ("http://gpu:1/v1", "c", True)),
        (
            "groq:m@https://api.groq.com/openai/v1",
            {"GROQ_API_KEY": "d"},
            ("https://api.groq.com/openai/v1", "d", False),
        ),
    ],
)
def test_address_and_key_come_from_spec_and_environment(
    text: str, environment: dict[str, str], expected: tuple[str, str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = resolved(text)
    assert (endpoint.base_url, endpoint.api_key, endpoint.free) == expected
    assert endpoint.model == "m"


def test_one_providers_key_is_never_sent_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert resolved("groq:m@https://api.groq.com/openai/v1").api_key == "none"


def test_the_key_is_never_shown() -> None:
    assert "sesame" not in repr(Endpoint("http://127.0.0.1:1/v1", "sesame", "m", free=True))


def test_the_environment_leads_a_command_to_the_model() -> None:
    assert Endpoint("http://127.0.0.1:1/v1", "k", "m", free=True).environment() == {
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "OPENAI_API_KEY": "k",
        "HALO_MODEL": "m",
    }


def test_a_proxy_is_not_asked_for_our_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "intra.net")
    ours = Endpoint("http://127.0.0.1:1/v1", "k", "m", free=True).environment()
    assert ours["NO_PROXY"] == ours["no_proxy"] == "intra.net,127.0.0.1,localhost,::1"
    assert "NO_PROXY" not in Endpoint("https://api.openai.com/v1", "k", "m", free=False).environment()


def test_a_server_that_is_not_ours_is_left_alone() -> None:
    Endpoint("http://127.0.0.1:1/v1", "k", "m", free=True).ensure_alive()


def test_a_wrong_spec_and_a_remote_one_open_without_a_server(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'openai:gpt-5'"), open_endpoint("gpt-5", cache_dir=tmp_path):
        pass
    with open_endpoint("ollama:m", cache_dir=tmp_path) as endpoint:
        assert endpoint.provider == "ollama"
    assert list(tmp_path.iterdir()) == []
