"""From a model spec to an endpoint that answers. Keys come from the environment."""

import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from halo_common.model_calls import error_message
from halo_opt.core.errors import EnvironmentMissing
from halo_opt.llm.endpoint import Endpoint, key_variable
from halo_opt.llm.local import ServerSettings, serve
from halo_opt.llm.spec import ModelSpec, RemoteModel, parse_spec

__all__ = ["open_endpoint", "probe", "resolve"]

_NO_KEY = "none"  # servers without authentication still get a header: OpenAI clients insist on a key


@contextlib.contextmanager
def open_endpoint(
    spec: ModelSpec | str, *, cache_dir: Path, settings: ServerSettings | None = None
) -> Iterator[Endpoint]:
    """The address of the model while the block runs; a local model is served for that long.

    `settings` matter to a local model only. Raises ConfigError, InputError or EnvironmentMissing with the remedy.
    """
    model = parse_spec(spec) if isinstance(spec, str) else spec
    if isinstance(model, RemoteModel):
        yield resolve(model)
    else:
        with serve(model, cache_dir=cache_dir, settings=settings) as endpoint:
            yield endpoint


def resolve(model: RemoteModel, *, needs_key: bool = True) -> Endpoint:
    """Address and key of a model that someone else serves, from the spec and the environment.

    Without `needs_key` the key may be empty, which is enough to look up a price. Raises EnvironmentMissing when there
    is no address, or when the provider's key is needed and not set.
    """
    found = _from_environment(model)
    if needs_key and not found.api_key:
        variable = key_variable(model.provider)
        raise EnvironmentMissing(f"{model} needs a key and {variable} is not set; run: export {variable}=...")
    return found


def _from_environment(model: RemoteModel) -> Endpoint:
    if model.provider == "openai":
        address = model.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        return _endpoint(model, address, key=os.environ.get("OPENAI_API_KEY") or "")
    if model.provider == "anthropic":
        address = model.base_url or os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
        return _endpoint(model, _with_v1(address), key=os.environ.get("ANTHROPIC_API_KEY") or "")
    if model.provider == "ollama":
        host = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
        address = model.base_url or _with_v1(host if "://" in host else f"http://{host}")
        return _endpoint(model, address, key=os.environ.get("OLLAMA_API_KEY") or _NO_KEY, free=True)
    if model.provider == "vllm":
        address = model.base_url or os.environ.get("VLLM_BASE_URL") or "http://127.0.0.1:8000/v1"
        return _endpoint(model, address, key=os.environ.get("VLLM_API_KEY") or _NO_KEY, free=True)
    if model.base_url is None:
        raise EnvironmentMissing(f"{model} has no address; write {model}@http://host:port/v1")
    return _endpoint(model, model.base_url, key=os.environ.get(key_variable(model.provider)) or _NO_KEY)


def _with_v1(address: str) -> str:
    address = address.rstrip("/")
    return address if address.endswith("/v1") else f"{address}/v1"


def _endpoint(model: RemoteModel, address: str, *, key: str, free: bool = False) -> Endpoint:
    return Endpoint(base_url=address.rstrip("/"), api_key=key, model=model.model, free=free, provider=model.provider)


def probe(endpoint: Endpoint, *, timeout_s: float = 30.0) -> None:
    """One completion of one token. Raises EnvironmentMissing, saying what is wrong, when the model does not answer."""
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    if endpoint.provider == "openai":  # its newer models refuse max_tokens, and need room to think
        body.pop("max_tokens")
        body["max_completion_tokens"] = 16
    request = urllib.request.Request(
        f"{endpoint.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.api_key}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            choices = json.load(answer).get("choices")
    except urllib.error.HTTPError as error:
        with error:
            raise EnvironmentMissing(
                _refusal(endpoint, error.code, error_message(error.read(2000).decode("utf-8", "replace")))
            ) from error
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise EnvironmentMissing(
            f"the model server at {endpoint.base_url} does not answer ({reason}); start it, or correct the address"
        ) from error
    except (ValueError, AttributeError) as error:
        raise EnvironmentMissing(_not_a_server(endpoint)) from error
    if not choices:
        raise EnvironmentMissing(_not_a_server(endpoint))


def _not_a_server(endpoint: Endpoint) -> str:
    return f"what listens at {endpoint.base_url} is not an OpenAI-compatible model server; correct the address"


def _refusal(endpoint: Endpoint, status: int, message: str) -> str:
    where = f"the model server at {endpoint.base_url} answered {status}"
    if status in {401, 403}:
        return f"{where}: the key is refused; check {key_variable(endpoint.provider)} ({message})"
    if status == 404:
        return f"{where}: it has no model '{endpoint.model}', or the address lacks /v1 ({message})"
    return f"{where}: {message}"
