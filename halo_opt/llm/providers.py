"""Our `Model` protocol through pydantic-ai: OpenAI-compatible servers and Anthropic.

This is the only module that imports pydantic-ai, openai or anthropic, and the only place that retries. Errors come out
as ModelUnreachable or ModelError with a remedy, never as a provider library's own.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from anthropic import AsyncAnthropic
from anthropic import DefaultAsyncHttpxClient as AnthropicHttp
from openai import AsyncOpenAI
from openai import DefaultAsyncHttpxClient as OpenAIHttp
from pydantic import BaseModel, ValidationError
from pydantic_ai import messages as wire
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError
from pydantic_ai.models import Model as WireModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from halo_opt.llm.address import Endpoint
from halo_opt.llm.failures import explain, may_retry
from halo_opt.llm.model import Completion, Message, ModelError, ModelMisfit
from halo_opt.llm.prices import cost_of

T = TypeVar("T")
# Our own server's grammar engine takes this in a schema: no white space but after separators saves a small model a
# third of its tokens. Other servers may refuse keys that they do not know.
COMPACT_JSON = {"x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class CallSettings:
    """How a call is made. `temperature` None is 0 on our own and other free servers, else the provider's default.

    `timeout_s` limits one try, `max_tries` how often a call that may succeed later is tried, and `max_wait_s` one wait
    between tries: a provider that asks for longer gets no further try.
    """

    max_tokens: int = 1024
    temperature: float | None = None
    timeout_s: float = 120.0
    max_tries: int = 4
    max_wait_s: float = 60.0


class ProviderModel:
    """A model at an endpoint. Thread-safe; holds connections, so open it with `open_model`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        settings: CallSettings,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_fault: Callable[[str], None] | None = None,
    ) -> None:
        """`rng` spreads waits without Retry-After, `sleep` is what waits, `on_fault` gets the kind of a failed try."""
        self._on_fault = on_fault or (lambda _kind: None)
        self._endpoint = endpoint
        self._settings = settings
        self._rng = rng
        self._sleep = sleep
        self._client, self._model = _connect(endpoint, settings)
        # One event loop for all callers: connections belong to the loop that opened them.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="halo-model", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The model's name at its endpoint."""
        return self._endpoint.model

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: type[BaseModel] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """One reply; see `Model.complete`."""
        completion = self._run(self._complete(messages, schema))
        if on_text is not None:
            on_text(completion.text)
        return completion

    def close(self) -> None:
        """Close connections and end the thread."""
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C here must not leave the call running there
            raise

    async def _complete(self, messages: Sequence[Message], schema: type[BaseModel] | None) -> Completion:
        for tries_left in range(self._settings.max_tries - 1, -1, -1):
            try:
                return self._read(await self._request(messages, schema), schema)
            except (ModelAPIError, TimeoutError) as error:
                tries = self._settings.max_tries - tries_left
                wait = may_retry(error, tries, rng=self._rng) if tries_left else None
                if wait is None or wait > self._settings.max_wait_s:
                    raise explain(error, self._endpoint, tries=tries, timeout_s=self._settings.timeout_s) from error
                await self._sleep(wait)
            except (UnexpectedModelBehavior, UserError) as error:
                raise ModelError(
                    f"{self._endpoint.model} at {self._endpoint.base_url} gave no usable reply: {error}",
                    spent=Completion(text=""),
                ) from error
        raise AssertionError("max_tries is at least 1")

    async def _request(self, messages: Sequence[Message], schema: type[BaseModel] | None) -> wire.ModelResponse:
        parameters = ModelRequestParameters()
        if schema is not None:
            json_schema = schema.model_json_schema()
            if self._endpoint.provider == "local":
                json_schema |= COMPACT_JSON
            definition = OutputObjectDefinition(json_schema=json_schema, name=schema.__name__)
            parameters = ModelRequestParameters(output_mode="native", output_object=definition)
        request = model_request(
            self._model,
            _to_wire(messages),
            model_settings=_model_settings(self._endpoint, self._settings),
            model_request_parameters=parameters,
        )
        return await asyncio.wait_for(request, self._settings.timeout_s)

    def _read(self, response: wire.ModelResponse, schema: type[BaseModel] | None) -> Completion:
        text = response.text or ""
        used = response.usage.has_values()
        completion = Completion(
            text=text,
            tokens_in=response.usage.input_tokens if used else None,
            tokens_out=response.usage.output_tokens if used else None,
            cost_usd=cost_of(self._endpoint, response.usage) if used or self._endpoint.free else None,
        )
        if schema is None:
            return completion
        try:
            return completion.model_copy(update={"parsed": schema.model_validate_json(text)})
        except ValidationError as error:
            words = self._misfit(response, schema, text, error)
            raise ModelMisfit(words, spent=completion, text=text) from error

    def _misfit(self, response: wire.ModelResponse, schema: type[BaseModel], text: str, error: ValidationError) -> str:
        if response.finish_reason == "length":
            return (
                f"{self.name}'s reply was cut off at {self._settings.max_tokens} tokens before its "
                f"{schema.__name__} was complete; raise the limit"
            )
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return (
            f"{self.name}'s reply is not a {schema.__name__}: {where + ': ' if where else ''}{first['msg']}; it begins "
            f"{text[:120]!r}; use a server that enforces JSON schemas, or another model"
        )


@contextlib.contextmanager
def open_model(
    endpoint: Endpoint,
    *,
    settings: CallSettings | None = None,
    rng: random.Random | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    on_fault: Callable[[str], None] | None = None,
) -> Iterator[ProviderModel]:
    """A model at an endpoint while the block runs; the arguments are those of `ProviderModel`."""
    model = ProviderModel(
        endpoint, settings=settings or CallSettings(), rng=rng or random.Random(0), sleep=sleep, on_fault=on_fault
    )
    try:
        yield model
    finally:
        model.close()


def _connect(endpoint: Endpoint, settings: CallSettings) -> tuple[AsyncOpenAI | AsyncAnthropic, WireModel[Any]]:
    """The library's client and model. Its own retries are off: ours respect the cap and are counted."""
    direct = urlsplit(endpoint.base_url).hostname in _LOOPBACK  # a proxy cannot reach our own machine
    if endpoint.provider == "anthropic":
        anthropic = AsyncAnthropic(
            base_url=endpoint.base_url.removesuffix("/v1"),
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=settings.timeout_s,
            http_client=AnthropicHttp(trust_env=not direct),
        )
        return anthropic, AnthropicModel(endpoint.model, provider=AnthropicProvider(anthropic_client=anthropic))
    openai = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        max_retries=0,
        timeout=settings.timeout_s,
        http_client=OpenAIHttp(trust_env=not direct),
    )
    return openai, OpenAIChatModel(endpoint.model, provider=OpenAIProvider(openai_client=openai))


def _model_settings(endpoint: Endpoint, settings: CallSettings) -> ModelSettings:
    chosen = ModelSettings(max_tokens=settings.max_tokens, timeout=settings.timeout_s)
    temperature = 0.0 if settings.temperature is None and endpoint.free else settings.temperature
    if temperature is not None:
        chosen["temperature"] = temperature
    return chosen


def _to_wire(messages: Sequence[Message]) -> list[wire.ModelMessage]:
    turns: list[wire.ModelMessage] = []
    for message in messages:
        if message.role == "assistant":
            turns.append(wire.ModelResponse(parts=[wire.TextPart(message.words)]))
        elif message.role == "system":
            turns.append(wire.ModelRequest(parts=[wire.SystemPromptPart(message.words)]))
        else:
            turns.append(wire.ModelRequest(parts=[wire.UserPromptPart(message.words)]))
    return turns
