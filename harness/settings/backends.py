"""Where each backend lives, and which variables name its address and key. Pure: reads no environment by itself.

A key belongs to an address: a variable that moves the address moves only models that use the key which goes with it,
so that no provider's key is ever sent to somebody else's machine.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from halo_common.model_calls import on_this_machine
from halo_common.text import did_you_mean
from harness.core.errors import EnvironmentMissing, UsageError
from harness.settings.schema import ModelSettings

Role = Literal["worker", "manager"]
M = TypeVar("M", bound=ModelSettings)
OPENAI_HOST = "api.openai.com"
# What a server without a key is told: the clients insist on one.
NO_KEY = "none"


class Backend(BaseModel):
    """One kind of endpoint. `address_env` and `key_env` are names of environment variables."""

    model_config = ConfigDict(frozen=True)

    wire: Literal["openai", "anthropic"]
    address: str
    address_env: str | None
    key_env: str
    key_needed: bool = False


BACKENDS: dict[str, Backend] = {
    "openai": Backend(
        wire="openai",
        address=f"https://{OPENAI_HOST}/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
        key_needed=True,
    ),
    "anthropic": Backend(
        wire="anthropic",
        address="https://api.anthropic.com/v1",
        address_env=None,
        key_env="ANTHROPIC_API_KEY",
        key_needed=True,
    ),
    "openai_compatible": Backend(
        wire="openai",
        address="http://127.0.0.1:8080/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
    ),
    "vllm": Backend(
        wire="openai",
        address="http://127.0.0.1:8000/v1",
        address_env="HALO_VLLM_URL",
        key_env="HALO_VLLM_API_KEY",
    ),
    "local": Backend(
        wire="openai",
        address="http://127.0.0.1:8080/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
    ),
}


def backend_named(name: str, variable: str) -> str:
    """`name` when it is a backend; else a UsageError that names the variable and the nearest."""
    if name not in BACKENDS:
        raise UsageError(f"{variable} is '{name}', which is no backend; {did_you_mean(name, BACKENDS)}")
    return name


def _address(said: str, source: str) -> str:
    """An address without its trailing slash; a UsageError names where it was said when it is none."""
    said = said.strip().rstrip("/")
    try:
        parts = urlsplit(said)
        # A name and password in an address would show in messages and traces.
        usable = (
            parts.username is None and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        )
    except ValueError:  # an unclosed bracket, a port that is no number
        usable = False
    if not usable or any(c.isspace() for c in said):
        raise UsageError(f"{source} is not an address; give it as http://HOST:PORT/v1")
    return said


def _address_in(environ: Mapping[str, str], variable: str) -> str | None:
    """The address that a variable holds; None when it is unset or empty."""
    said = environ.get(variable, "").strip()
    if not said:
        return None
    said = _address(said, variable)
    # vLLM prints its address without the path that its interface has.
    return f"{said}/v1" if variable == "HALO_VLLM_URL" and not urlsplit(said).path else said


def resolved(model: M, environ: Mapping[str, str]) -> M:
    """The settings with address, key variable and backend as they will be used."""
    backend = BACKENDS[model.backend]
    key_env = model.api_key_env or backend.key_env
    said = None
    if backend.address_env is not None and key_env == backend.key_env:
        said = _address_in(environ, backend.address_env)
    if model.backend == "local" and said is not None and not on_this_machine(said):
        said = None
    address = said or _address(model.base_url or backend.address, f"base_url of model '{model.name}'")
    if model.backend == "local" and not on_this_machine(address):
        raise UsageError(f"the backend 'local' is for a server on this machine, not {address}; use openai_compatible")
    kind = model.backend
    if kind == "openai" and on_this_machine(address):
        kind = "openai_compatible"  # what stands in for OpenAI on this machine knows less than OpenAI does
    elif kind == "openai_compatible" and urlsplit(address).hostname == OPENAI_HOST:
        kind = "openai"
    return model.model_copy(update={"backend": kind, "base_url": address, "api_key_env": key_env})


def key_of(model: ModelSettings, environ: Mapping[str, str], role: Role) -> str:
    """The key for a resolved model. Raises EnvironmentMissing, naming the variable, where it is needed and
    missing, or cannot be one."""
    variable = model.api_key_env
    key = environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise EnvironmentMissing(f"{variable} holds characters that no key has; copy the key again")
    if key or not BACKENDS[model.backend].key_needed:
        return key or NO_KEY
    raise EnvironmentMissing(
        f"{variable} is not set, and the {role} needs it ({model.name} at {model.base_url}); set it in the environment "
        "or in .env, or choose another mode"
    )
