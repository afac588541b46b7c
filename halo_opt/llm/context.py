"""How many tokens a model's context holds: what its server says of itself, and what servers say of a prompt that is
too long.

Servers tell it in different places: vLLM, SGLang, OpenRouter, Groq, Mistral and Anthropic in their list of models,
llama.cpp in `/props`, LM Studio in `/api/v0/models`, TGI in `/info`, Ollama in `/api/ps` once the model is loaded.
"""

import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from halo_opt.llm.endpoint import Endpoint

_ASK_SECONDS = 5.0
_LOAD_SECONDS = 120.0
_MOST_BYTES = 8 << 20
# Keys of a model's entry, those first that say what is served rather than what the model could take.
_KEYS = (
    "n_ctx",
    "loaded_context_length",
    "max_model_len",
    "max_total_tokens",
    "context_length",
    "context_window",
    "max_input_tokens",
    "max_context_length",
)
_NAMES = ("id", "name", "model", "key")
_LEAST = 256
_NUMBER = r"(\d{1,3}(?:[,_]\d{3})+|\d+)"
# What a server says of its limit, and of the refused prompt: without the reply that was asked for, where it says so.
_LIMITS = (
    rf"\d\s*(?:tokens\s*)?>\s*{_NUMBER}",
    rf"must be <=?\s*{_NUMBER}",
    rf"{_NUMBER}\s*maximum context length",
    rf"(?:maximum context length|maximum model length|context (?:size|length|window|limit))\D{{0,40}}?{_NUMBER}",
    rf"maximum (?:allowed|number|input)\D{{0,40}}?{_NUMBER}",
    rf"(?:at most|limit(?: is| of)?|maximum (?:of|is)|up to)\s*{_NUMBER}\b",
)
_PROMPTS = (
    rf"{_NUMBER}\s*(?:tokens\s*)?in (?:the|your) (?:messages|prompt)",
    rf"{_NUMBER}\s*(?:tokens\s*)?of text input",
    rf"(?:has|have|contains?|given:)\s*(?:at least\s*)?{_NUMBER}\s*(?:(?:input|prompt|`inputs`) )?tokens",
    rf"messages resulted in\s*{_NUMBER}",
    rf"prompt is too long\D{{0,4}}{_NUMBER}",
    rf"(?:request|input|prompt|count|length)\s*\((?:length\s*)?{_NUMBER}(?:\s*tokens)?\)",
    rf"{_NUMBER}\s*\+\s*\d[\d,]*\s*>",
    rf"requested (?:about )?{_NUMBER}",
)


@dataclass(frozen=True)
class StatedSizes:
    """Tokens that a server names when it refuses a prompt.

    Attributes:
        limit: The most that it takes, prompt and reply together (at some servers the prompt alone); None if not said.
        prompt: What the refused prompt has; None if not said.
    """

    limit: int | None = None
    prompt: int | None = None


def stated_sizes(message: str) -> StatedSizes:
    """The sizes in a server's words about a prompt that is too long."""
    return StatedSizes(limit=_first_number(_LIMITS, message), prompt=_first_number(_PROMPTS, message))


def _first_number(patterns: tuple[str, ...], message: str) -> int | None:
    for pattern in patterns:
        if (found := re.search(pattern, message, re.IGNORECASE)) is not None:
            return int(re.sub(r"[,_]", "", found[1]))
    return None


def served_context(endpoint: Endpoint) -> int | None:
    """Ask the server how many tokens the model's context holds; None where it does not say or cannot be reached."""
    return next(_answers(endpoint), None)


def _answers(endpoint: Endpoint) -> Iterator[int]:
    """The sizes that a server names, the most reliable first. It ends where nobody answers."""
    root = endpoint.base_url.removesuffix("/v1")
    with contextlib.suppress(_Silent):
        listed = _entry(_get(endpoint, f"{endpoint.base_url}/models"), endpoint.model)
        if endpoint.provider == "ollama" or listed.get("owned_by") == "library":
            yield from _of_ollama(endpoint, root)
            return
        yield from _sizes(listed)
        settings = _get(endpoint, f"{root}/props").get("default_generation_settings")
        yield from _sizes(settings if isinstance(settings, dict) else {})
        yield from _sizes(_entry(_get(endpoint, f"{root}/api/v0/models"), endpoint.model))
        yield from _sizes(_get(endpoint, f"{root}/info"))
        trained = listed.get("meta")
        yield from _whole(trained.get("n_ctx_train") if isinstance(trained, dict) else None)


def _of_ollama(endpoint: Endpoint, root: str) -> Iterator[int]:
    """The size with which Ollama has loaded a model. It cuts longer prompts without a word, so it must be known.

    Ollama decides on the size when it loads the model, and loads a model when it is named without a prompt.
    """
    yield from _sizes(_entry(_get(endpoint, f"{root}/api/ps"), endpoint.model))
    _get(endpoint, f"{root}/api/generate", {"model": endpoint.model, "stream": False}, seconds=_LOAD_SECONDS)
    yield from _sizes(_entry(_get(endpoint, f"{root}/api/ps"), endpoint.model))


class _Silent(Exception):
    """Nobody answers at the address."""


def _get(
    endpoint: Endpoint, url: str, body: Mapping[str, Any] | None = None, *, seconds: float = _ASK_SECONDS
) -> dict[str, Any]:
    """The JSON object at an address of the server, empty where there is none. Raises _Silent where nobody answers."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.api_key}"}
    if endpoint.provider == "anthropic":
        headers |= {"x-api-key": endpoint.api_key, "anthropic-version": "2023-06-01"}
    data = None if body is None else json.dumps(body).encode()
    # A proxy from the environment cannot reach this machine.
    handlers = [urllib.request.ProxyHandler({})] if endpoint.on_this_machine else []
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(urllib.request.Request(url, data, headers), timeout=seconds) as answer:
            found = json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        return {}
    except (ValueError, RecursionError):
        return {}
    except OSError as error:
        raise _Silent from error
    if isinstance(found, list):
        return {"data": found}
    return found if isinstance(found, dict) else {}


def _entry(listing: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The entry of a model in a list of models; a list of one is taken whatever its name, as its server takes any."""
    given = listing.get("data") or listing.get("models")
    entries = [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
    names = (model, f"{model}:latest")
    named = [entry for entry in entries if any(entry.get(key) in names for key in _NAMES)]
    chosen = named or (entries if len(entries) == 1 else [])
    return chosen[0] if chosen else {}


def _sizes(entry: Mapping[str, Any]) -> Iterator[int]:
    """The size in an entry; where a gateway has it of several servers, that of the one it prefers."""
    preferred = entry.get("top_provider")
    if isinstance(preferred, dict):
        yield from _whole(preferred.get("context_length"))
    for key in _KEYS:
        yield from _whole(entry.get(key))


def _whole(value: Any) -> Iterator[int]:
    """The value where it is a size that a model can have."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= _LEAST:
        yield value
