"""The backends: the address of each, and the environment variables that set its address and key.

A key belongs to an address: a variable that changes an address changes it only for models that use the key of that
address, so that no provider's key is sent to another machine.
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
# The key for servers that need none: the clients require one.
NO_KEY = "none"


class Backend(BaseModel):
    """One kind of endpoint. `address_env` and `key_env` are names of environment variables."""

    model_config = ConfigDict(frozen=True)

    protocol: Literal["openai", "anthropic"]
    address: str
    address_env: str | None
    key_env: str
    key_needed: bool = False


BACKENDS: dict[str, Backend] = {
    "openai": Backend(
        protocol="openai",
        address=f"https://{OPENAI_HOST}/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
        key_needed=True,
    ),
    "anthropic": Backend(
        protocol="anthropic",
        address="https://api.anthropic.com/v1",
        address_env=None,
        key_env="ANTHROPIC_API_KEY",
        key_needed=True,
    ),
    "openai_compatible": Backend(
        protocol="openai",
        address="http://127.0.0.1:8080/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
    ),
    "vllm": Backend(
        protocol="openai",
        address="http://127.0.0.1:8000/v1",
        address_env="HALO_VLLM_URL",
        key_env="HALO_VLLM_API_KEY",
    ),
    "local": Backend(
        protocol="openai",
        address="http://127.0.0.1:8080/v1",
        address_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
    ),
}


def backend_named(name: str, variable: str) -> str:
    """`name` when it is a backend; else a UsageError that names the variable and the nearest."""
    if name not in BACKENDS:
        raise UsageError(f"{variable} is '{name}', which is not a backend; {did_you_mean(name, BACKENDS)}")
    return name


def _address(address: str, source: str) -> str:
    """The address without a trailing slash. Raises UsageError, which names `source`, where it is not an address."""
    address = address.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        # A name and password in an address would show in messages and traces.
        usable = (
            parts.username is None and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        )
    except ValueError:  # an unclosed bracket, a port that is no number
        usable = False
    if not usable or any(c.isspace() for c in address):
        raise UsageError(f"{source} is not an address; give it as http://HOST:PORT/v1")
    return address


def _address_in(environ: Mapping[str, str], variable: str) -> str | None:
    """The address in a variable; None when it is unset or empty."""
    address = environ.get(variable, "").strip()
    if not address:
        return None
    address = _address(address, variable)
    # vLLM prints its address without the path that its interface has.
    return f"{address}/v1" if variable == "HALO_VLLM_URL" and not urlsplit(address).path else address


def resolved(model: M, environ: Mapping[str, str]) -> M:
    """The settings with the address, key variable and backend that will be used."""
    backend = BACKENDS[model.backend]
    key_env = model.api_key_env or backend.key_env
    address = None
    if backend.address_env is not None and key_env == backend.key_env:
        address = _address_in(environ, backend.address_env)
    if model.backend == "local" and address is not None and not on_this_machine(address):
        address = None
    address = address or _address(model.base_url or backend.address, f"base_url of model '{model.name}'")
    if model.backend == "local" and not on_this_machine(address):
        raise UsageError(f"the backend 'local' is for a server on this machine, not {address}; use openai_compatible")
    kind = model.backend
    if kind == "openai" and on_this_machine(address):
        kind = "openai_compatible"  # a local stand-in for OpenAI knows less than OpenAI does
    elif kind == "openai_compatible" and urlsplit(address).hostname == OPENAI_HOST:
        kind = "openai"
    return model.model_copy(update={"backend": kind, "base_url": address, "api_key_env": key_env})


def key_of(model: ModelSettings, environ: Mapping[str, str], role: Role) -> str:
    """The key for a resolved model.

    Raises:
        EnvironmentMissing: The variable holds no key where one is needed, or characters that no key has.
    """
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
