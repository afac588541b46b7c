"""Which model is asked, and where: what the environment, `.env` and the config say, and which of them counts."""

from pathlib import Path

import pytest

from harness.core.errors import EnvironmentMissing, UsageError
from harness.settings.backends import BACKENDS, key_of, resolved
from harness.settings.load import DEFAULT_CONFIG, load_settings
from harness.settings.schema import HarnessSettings, ModelSettings

REMOTE = "https://gpu.example:9000/v1"
CONFIG = """
mode: small
modes:
  small: {model: {backend: openai, name: gpt-4o-mini}}
  groq: {model: {base_url: "https://groq.example/v1", api_key_env: GROQ_API_KEY, name: llama}}
  bc: {model: {backend: vllm, name: bc, fixed: true}}
  rules: {worker: rules, model: {name: bc, fixed: true}}
"""


def settings(tmp_path: Path, mode: str, environ: dict[str, str], env_file: str = "") -> HarnessSettings:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    (tmp_path / ".env").write_text(env_file, encoding="utf-8")
    return load_settings(path, mode, environ=environ, folder=tmp_path)[1]


def endpoint(model: ModelSettings) -> tuple[str, str, str, str]:
    return model.backend, model.name, model.base_url, model.api_key_env


OPENAI = "https://api.openai.com/v1"
HERE = "http://127.0.0.1:8080/v1"
VLLM = "http://127.0.0.1:8000/v1"
GROQ = "https://groq.example/v1"
ANTHROPIC = "https://api.anthropic.com/v1"
KEY, VLLM_KEY, GROQ_KEY, ANTHROPIC_KEY = "OPENAI_API_KEY", "HALO_VLLM_API_KEY", "GROQ_API_KEY", "ANTHROPIC_API_KEY"


@pytest.mark.parametrize(
    ("mode", "environ", "worker"),
    [
        ("small", {}, ("openai", "gpt-4o-mini", OPENAI, KEY)),
        ("small", {"OPENAI_BASE_URL": REMOTE + "/"}, ("openai", "gpt-4o-mini", REMOTE, KEY)),
        ("small", {"OPENAI_BASE_URL": HERE}, ("openai_compatible", "gpt-4o-mini", HERE, KEY)),
        ("small", {"HALO_WORKER_MODEL": "x"}, ("openai", "x", OPENAI, KEY)),
        ("small", {"HALO_WORKER_BACKEND": "vllm"}, ("vllm", "gpt-4o-mini", VLLM, VLLM_KEY)),
        ("small", {"HALO_WORKER_BACKEND": "local"}, ("local", "gpt-4o-mini", HERE, KEY)),
        ("small", {"HALO_WORKER_BACKEND": "local", "OPENAI_BASE_URL": VLLM}, ("local", "gpt-4o-mini", VLLM, KEY)),
        ("small", {"HALO_WORKER_BACKEND": "local", "OPENAI_BASE_URL": REMOTE}, ("local", "gpt-4o-mini", HERE, KEY)),
        ("small", {"HALO_WORKER_BACKEND": "anthropic"}, ("anthropic", "gpt-4o-mini", ANTHROPIC, ANTHROPIC_KEY)),
        ("groq", {}, ("openai_compatible", "llama", GROQ, GROQ_KEY)),
        ("groq", {"OPENAI_BASE_URL": REMOTE}, ("openai_compatible", "llama", GROQ, GROQ_KEY)),
        ("groq", {"HALO_WORKER_BACKEND": "openai"}, ("openai", "llama", OPENAI, KEY)),
        ("groq", {"HALO_MODEL": "x", "OPENAI_BASE_URL": REMOTE}, ("openai_compatible", "x", REMOTE, KEY)),
        ("groq", {"HALO_MODEL": "x", "OPENAI_BASE_URL": OPENAI}, ("openai", "x", OPENAI, KEY)),
        ("groq", {"HALO_MODEL": "x"}, ("openai_compatible", "x", GROQ, GROQ_KEY)),
        ("bc", {}, ("vllm", "bc", VLLM, VLLM_KEY)),
        ("bc", {"HALO_VLLM_URL": "https://gpu.example:9000"}, ("vllm", "bc", REMOTE, VLLM_KEY)),
        ("bc", {"HALO_VLLM_URL": REMOTE, "OPENAI_BASE_URL": HERE}, ("vllm", "bc", REMOTE, VLLM_KEY)),
        ("bc", {"HALO_WORKER_MODEL": "x"}, ("vllm", "bc", VLLM, VLLM_KEY)),
        ("bc", {"HALO_WORKER_BACKEND": "local"}, ("local", "bc", HERE, KEY)),
        ("bc", {"HALO_MODEL": "bc", "OPENAI_BASE_URL": REMOTE}, ("openai_compatible", "bc", REMOTE, KEY)),
    ],
)  # fmt: skip
def test_where_the_worker_is(
    tmp_path: Path, mode: str, environ: dict[str, str], worker: tuple[str, str, str, str]
) -> None:
    assert endpoint(settings(tmp_path, mode, environ).model) == worker


def test_halo_model_decides_alone_about_the_worker(tmp_path: Path) -> None:
    said = {"HALO_WORKER_BACKEND": "vllm", "HALO_WORKER_MODEL": "y", "HALO_VLLM_URL": REMOTE}
    worker = settings(tmp_path, "small", {"HALO_MODEL": "x", "OPENAI_BASE_URL": HERE}, env_file="").model
    assert endpoint(worker) == ("openai_compatible", "x", HERE, KEY)
    with_more = settings(tmp_path, "small", {"HALO_MODEL": "x", "OPENAI_BASE_URL": HERE, **said}).model
    assert with_more == worker


def test_a_mode_about_one_model_refuses_another(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mode 'bc' runs only the model 'bc', but HALO_MODEL is 'x'"):
        settings(tmp_path, "bc", {"HALO_MODEL": "x"})
    assert settings(tmp_path, "rules", {"HALO_MODEL": "x"}).worker == "rules"


@pytest.mark.parametrize(
    ("environ", "manager"),
    [
        ({}, ("openai", "gpt-4o", OPENAI, KEY)),
        ({"HALO_MANAGER_MODEL": "m"}, ("openai", "m", OPENAI, KEY)),
        ({"OPENAI_BASE_URL": HERE, "HALO_MODEL": "x"}, ("openai_compatible", "gpt-4o", HERE, KEY)),
        ({"HALO_WORKER_BACKEND": "vllm", "HALO_VLLM_URL": REMOTE}, ("openai", "gpt-4o", OPENAI, KEY)),
    ],
)
def test_where_the_manager_is(tmp_path: Path, environ: dict[str, str], manager: tuple[str, str, str, str]) -> None:
    assert endpoint(settings(tmp_path, "small", environ).manager) == manager


def test_each_variable_is_read_from_the_env_file_and_the_environment_counts_first(tmp_path: Path) -> None:
    text = f"HALO_WORKER_BACKEND=vllm\nHALO_VLLM_URL={REMOTE}\nHALO_WORKER_MODEL=file\n"
    environ = {"HALO_WORKER_MODEL": "real", "HALO_VLLM_URL": ""}
    worker = settings(tmp_path, "small", environ, text).model
    assert (worker.backend, worker.base_url, worker.name) == ("vllm", REMOTE, "real")


def test_only_keys_that_are_needed_leave_the_env_file(tmp_path: Path) -> None:
    text = "OPENAI_API_KEY=sesame\nHALO_VLLM_API_KEY=simsim\nGROQ_API_KEY=other\nLD_PRELOAD=evil\n"
    environ = {"PATH": "p"}
    chosen = settings(tmp_path, "groq", environ, text)
    assert environ == {"PATH": "p", "GROQ_API_KEY": "other", "OPENAI_API_KEY": "sesame"}
    assert "sesame" not in chosen.model_dump_json()
    assert key_of(chosen.model, environ, "worker") == "other"


def test_a_key_of_the_environment_counts_before_that_of_the_file(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "real"}
    settings(tmp_path, "small", environ, "OPENAI_API_KEY=file\n")
    assert environ == {"OPENAI_API_KEY": "real"}


def test_a_malformed_env_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.env, line 2: expected NAME=value"):
        settings(tmp_path, "small", {}, "A=1\noops\n")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HALO_WORKER_BACKEND", "vlm", "HALO_WORKER_BACKEND is 'vlm', which is not a backend; the nearest is 'vllm'"),
        ("OPENAI_BASE_URL", "gpu.example:8000", "OPENAI_BASE_URL is not an address"),
        ("OPENAI_BASE_URL", "http://", "OPENAI_BASE_URL is not an address"),
        ("OPENAI_BASE_URL", "http://[::1", "OPENAI_BASE_URL is not an address"),
        ("OPENAI_BASE_URL", "http://gpu.example:port/v1", "OPENAI_BASE_URL is not an address"),
        ("OPENAI_BASE_URL", "https://me:sesame@gpu.example/v1", "OPENAI_BASE_URL is not an address"),
        ("OPENAI_BASE_URL", "http://a b/v1", "OPENAI_BASE_URL is not an address"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(tmp_path: Path, variable: str, value: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, "small", {variable: value})
    assert words in str(caught.value)


def test_an_address_of_the_config_that_cannot_be_used_is_named() -> None:
    with pytest.raises(UsageError, match="base_url of model 'x' is not an address"):
        resolved(ModelSettings.model_validate({"name": "x", "base_url": "http://["}), {})


def test_the_local_backend_never_leaves_this_machine() -> None:
    model = ModelSettings.model_validate({"backend": "local", "base_url": REMOTE})
    with pytest.raises(UsageError, match="for a server on this machine"):
        resolved(model, {})


def test_every_backend_of_the_settings_has_a_place() -> None:
    annotation = ModelSettings.model_fields["backend"].annotation
    assert set(annotation.__args__) == set(BACKENDS)  # type: ignore[union-attr]


def test_a_server_without_a_key_needs_none_and_a_provider_does() -> None:
    model = resolved(ModelSettings.model_validate({"backend": "vllm"}), {})
    assert key_of(model, {}, "worker") == "none"
    provider = resolved(ModelSettings.model_validate({"backend": "anthropic", "name": "claude"}), {})
    with pytest.raises(EnvironmentMissing, match="ANTHROPIC_API_KEY is not set, and the worker needs it"):
        key_of(provider, {}, "worker")


@pytest.mark.parametrize("key", ["ключ", "a\nb"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(key: str) -> None:
    model = resolved(ModelSettings.model_validate({}), {})
    with pytest.raises(EnvironmentMissing, match="OPENAI_API_KEY holds characters that no key has") as caught:
        key_of(model, {"OPENAI_API_KEY": key}, "worker")
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("qwen_worker_zero", "Qwen/Qwen2.5-3B-Instruct"), ("qwen_worker_bc", "bc"), ("qwen_worker_dpo", "dpo")],
)
def test_the_qwen_modes_ask_a_vllm_server(tmp_path: Path, mode: str, name: str) -> None:
    _, chosen = load_settings(DEFAULT_CONFIG, mode, environ={"HALO_VLLM_URL": REMOTE}, folder=tmp_path)
    assert endpoint(chosen.model) == ("vllm", name, REMOTE, "HALO_VLLM_API_KEY")


def test_the_demo_s_mode_still_asks_what_halo_opt_names(tmp_path: Path) -> None:
    environ = {"HALO_MODEL": "tiny", "OPENAI_BASE_URL": HERE, "OPENAI_API_KEY": "k"}
    _, chosen = load_settings(DEFAULT_CONFIG, None, environ=environ, folder=tmp_path)
    assert endpoint(chosen.model) == ("openai_compatible", "tiny", HERE, "OPENAI_API_KEY")
    older = HarnessSettings.model_validate({"worker": "openai_compatible", "model": {"base_url": HERE}})
    assert endpoint(resolved(older.model, {}))[2] == HERE
