"""What one call sends, in pydantic-ai's terms: client, settings, messages and schema.

The clients do not retry by themselves, because tries are counted and paid for one by one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from anthropic import AsyncAnthropic
from anthropic import DefaultAsyncHttpxClient as AnthropicHttp
from openai import AsyncOpenAI
from openai import DefaultAsyncHttpxClient as OpenAIHttp
from pydantic import BaseModel
from pydantic_ai import messages as pai
from pydantic_ai.models import Model as PydanticModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from halo_common.model_calls import COMPACT_JSON, NO_PROXY
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.model import Message
from halo_opt.llm.reply_schema import schema_for_server

# How long one try of an analyst's turn or of a patch may take, in seconds. A small model on two cores writes five
# tokens a second, and callers queue for its slots.
CALL_SECONDS = 600.0


@dataclass(frozen=True)
class CallSettings:
    """How a call is made. `temperature` None is 0 on our own and other free servers, else the provider's default.

    `timeout_s` limits one try, or in a stream the wait for each next piece. `max_tries` is how often a call that may
    succeed later is tried, `max_wait_s` limits one wait between tries: a provider that asks for longer gets no further
    try. `cache` is what a provider that charges for keeping prompts (Anthropic) is asked to keep: a conversation that
    grows, only the instructions that many calls share, or nothing; others keep prefixes unasked.
    """

    max_tokens: int = 1024
    temperature: float | None = None
    timeout_s: float = 120.0
    max_tries: int = 4
    max_wait_s: float = 60.0
    cache: Literal["conversation", "instructions", "nothing"] = "conversation"


def connect(endpoint: Endpoint, settings: CallSettings) -> tuple[AsyncOpenAI | AsyncAnthropic, PydanticModel[Any]]:
    """The provider's client, which connects on first use, and pydantic-ai's model over it."""
    direct = endpoint.on_this_machine  # a proxy cannot reach our own machine
    # Anthropic's default client takes proxies from the environment whatever `trust_env` says; its mounts win.
    mounts = NO_PROXY if direct else {}
    if endpoint.provider == "anthropic":
        anthropic = AsyncAnthropic(
            base_url=endpoint.base_url.removesuffix("/v1"),
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=settings.timeout_s,
            http_client=AnthropicHttp(trust_env=not direct, mounts=mounts),
        )
        return anthropic, AnthropicModel(endpoint.model, provider=AnthropicProvider(anthropic_client=anthropic))
    openai = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        max_retries=0,
        timeout=settings.timeout_s,
        http_client=OpenAIHttp(trust_env=not direct, mounts=mounts),
    )
    return openai, OpenAIChatModel(endpoint.model, provider=OpenAIProvider(openai_client=openai))


def parameters_of(
    endpoint: Endpoint, model: PydanticModel[Any], schema: type[BaseModel] | None
) -> ModelRequestParameters:
    """What asks for an object of the schema: the server's own way where it has one, else a sentence in the prompt.

    Of servers that speak Anthropic's protocol only Anthropic's own, with the models that can, enforce a schema:
    llama.cpp takes the field and ignores it.
    """
    if schema is None:
        return ModelRequestParameters()
    json_schema = schema_for_server(endpoint, schema)
    if endpoint.provider == "local":
        json_schema |= COMPACT_JSON
    enforced = endpoint.provider != "anthropic" or (
        bool(model.profile.get("supports_json_schema_output")) and not endpoint.on_this_machine
    )
    definition = OutputObjectDefinition(json_schema=json_schema, name=schema.__name__)
    return ModelRequestParameters(output_mode="native" if enforced else "prompted", output_object=definition)


def settings_of(endpoint: Endpoint, settings: CallSettings, messages: Sequence[Message]) -> ModelSettings:
    """The settings of one call."""
    chosen = ModelSettings(max_tokens=settings.max_tokens, timeout=settings.timeout_s)
    temperature = 0.0 if settings.temperature is None and endpoint.free else settings.temperature
    if temperature is not None:
        chosen["temperature"] = temperature
    if endpoint.provider == "anthropic" and settings.cache != "nothing":
        return chosen | AnthropicModelSettings(anthropic_cache_instructions=True)
    if endpoint.provider == "openai" and messages and settings.cache != "nothing":
        # Calls with the same instructions are led to the machine that has them in its cache.
        key = hashlib.sha256(messages[0].content.encode()).hexdigest()[:32]
        return chosen | OpenAIChatModelSettings(openai_prompt_cache_key=key)
    return chosen


def to_messages(endpoint: Endpoint, settings: CallSettings, messages: Sequence[Message]) -> list[pai.ModelMessage]:
    """The conversation. `Message.now` stands outside what a provider is asked to keep in its cache."""
    marked = endpoint.provider == "anthropic" and settings.cache == "conversation"
    turns: list[pai.ModelMessage] = []
    for number, message in enumerate(messages):
        if message.role == "assistant":
            turns.append(pai.ModelResponse(parts=[pai.TextPart(message.sent)]))
        elif message.role == "system":
            turns.append(pai.ModelRequest(parts=[pai.SystemPromptPart(message.sent)]))
        elif marked and number == len(messages) - 1:
            content: list[pai.UserContent] = [message.content, pai.CachePoint()]
            content += [message.now] if message.now else []
            turns.append(pai.ModelRequest(parts=[pai.UserPromptPart(content)]))
        else:
            turns.append(pai.ModelRequest(parts=[pai.UserPromptPart(message.sent)]))
    return turns
