"""Where a model is served: its address, key and price."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from halo_common.model_calls import on_this_machine
from halo_opt.llm.price_list import Price


def _not_ours() -> None:
    """A server that is not ours cannot be restarted."""


def key_variable(provider: str) -> str:
    """The environment variable that holds this provider's key."""
    return f"{provider.upper().replace('-', '_')}_API_KEY"


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible address (`base_url` ends in /v1), its key, and the model's name there.

    `free` means that a call has no price: our own server, Ollama or vLLM. `provider` is "local", "openai",
    "anthropic", "ollama", "vllm" or what the user called an OpenAI-compatible server. `context` is how many tokens
    prompt and reply may have together, None when the server was not asked; `trained_context` is how many the model of
    our own server could have; `price` is what the user stated.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    free: bool
    provider: str = "local"
    revive: Callable[[], None] = field(default=_not_ours, repr=False, compare=False)
    context: int | None = None
    trained_context: int | None = None
    price: Price | None = None

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a loopback address: no proxy can reach it, and no provider's price list holds for it."""
        return on_this_machine(self.base_url)

    def environment(self) -> dict[str, str]:
        """Variables that lead a harness command to this model.

        When a proxy is configured, loopback addresses are excluded from it: a proxy cannot reach our own server.
        """
        variables = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": self.api_key, "HALO_MODEL": self.model}
        if self.on_this_machine:
            proxied = any(os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"))
            if proxied:
                known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
                variables["NO_PROXY"] = variables["no_proxy"] = ",".join(
                    filter(None, [known, "127.0.0.1,localhost,::1"])
                )
        return variables

    def ensure_alive(self) -> None:
        """Start our own server again, at the same address, if it died; a server that is not ours is left alone.

        Raises EnvironmentMissing when it does not come back.
        """
        self.revive()
