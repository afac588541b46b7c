"""The `Model` protocol through pydantic-ai: OpenAI-compatible servers and Anthropic.

With `request`, `failures` and `replies` these are the only modules that import pydantic-ai, openai or anthropic. Every
error of theirs becomes a ModelError with a remedy.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_ai import messages as pai
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError

from halo_common.text import one_line
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.failures import explain, failure_of, may_retry
from halo_opt.llm.model import Completion, Fault, InvalidReply, Message, ModelError, ModelRefused
from halo_opt.llm.replies import fault_in, read_reply
from halo_opt.llm.request import CallSettings, connect, parameters_of, settings_of, to_messages

__all__ = ["CallSettings", "ProviderModel", "open_model"]

T = TypeVar("T")


class _Pieces:
    """Where the text of a streamed reply goes; remembers whether any came."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self.begun = False

    def take(self, event: pai.ModelResponseStreamEvent) -> None:
        text = None
        if isinstance(event, pai.PartStartEvent) and isinstance(event.part, pai.TextPart):
            text = event.part.content
        elif isinstance(event, pai.PartDeltaEvent) and isinstance(event.delta, pai.TextPartDelta):
            text = event.delta.content_delta
        if text:
            self.begun = True
            self._put(text)


class ProviderModel:
    """A model at an endpoint. Thread-safe; holds connections, so open it with `open_model`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        settings: CallSettings,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_fault: Callable[[Fault], None] | None = None,
    ) -> None:
        """`rng` spreads waits without Retry-After, `sleep` is what waits, `on_fault` gets the kind of a failed try.

        It is called from a thread of the model's own, also for tries that a later one cured.
        """
        self._endpoint = endpoint
        self._settings = settings
        self._rng = rng
        self._sleep = sleep
        self._on_fault = on_fault or (lambda _kind: None)
        self._client, self._model = connect(endpoint, settings)
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
        """One reply; see `Model.complete`. `on_text` is called in the caller's thread."""
        if on_text is None:
            return _result(self._submit(self._complete(messages, schema, None)))
        queue: SimpleQueue[str | None] = SimpleQueue()
        future = self._submit(self._complete(messages, schema, _Pieces(queue.put)))
        future.add_done_callback(lambda _: queue.put(None))
        try:
            for piece in iter(queue.get, None):
                on_text(piece)
        except BaseException:
            future.cancel()
            raise
        return _result(future)

    def close(self) -> None:
        """Close connections and end the thread; calls that were given up are ended too."""
        _result(self._submit(self._end()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _complete(
        self, messages: Sequence[Message], schema: type[BaseModel] | None, pieces: _Pieces | None
    ) -> Completion:
        tries = 0
        while True:
            tries += 1
            try:
                response = await self._request(messages, schema, pieces)
            except (ModelAPIError, TimeoutError) as error:
                self._on_fault(failure_of(error).kind)
                await self._wait_or_raise(error, tries, begun=pieces is not None and pieces.begun)
            except Exception as error:  # an answer of another shape makes the libraries fail in any way
                self._on_fault("malformed")
                raise self._unusable(error, repeatable=pieces is None or not pieces.begun) from error
            else:
                return self._read(response, schema)

    async def _wait_or_raise(self, error: ModelAPIError | TimeoutError, tries: int, *, begun: bool) -> None:
        settings = self._settings
        wait = None if begun or tries >= settings.max_tries else may_retry(error, tries, rng=self._rng)
        if wait is None or wait > settings.max_wait_s:
            raise explain(error, self._endpoint, tries=tries, timeout_s=settings.timeout_s, begun=begun) from error
        if isinstance(error, ModelConnectionError):
            await asyncio.to_thread(self._endpoint.ensure_alive)  # our own server is started again
        await self._sleep(wait)

    def _read(self, response: pai.ModelResponse, schema: type[BaseModel] | None) -> Completion:
        try:
            return read_reply(response, schema, self._endpoint, max_tokens=self._settings.max_tokens)
        except (InvalidReply, ModelRefused) as error:
            self._on_fault(fault_in(error, response))
            raise

    async def _request(
        self, messages: Sequence[Message], schema: type[BaseModel] | None, pieces: _Pieces | None
    ) -> pai.ModelResponse:
        turns = to_messages(self._endpoint, self._settings, messages)
        settings = settings_of(self._endpoint, self._settings, messages)
        parameters = parameters_of(self._endpoint, self._model, schema)
        async with asyncio.timeout(self._settings.timeout_s) as limit:
            if pieces is None:
                return await model_request(
                    self._model, turns, model_settings=settings, model_request_parameters=parameters
                )
            async with model_request_stream(
                self._model, turns, model_settings=settings, model_request_parameters=parameters
            ) as stream:
                async for event in stream:
                    limit.reschedule(self._loop.time() + self._settings.timeout_s)
                    pieces.take(event)
                response = stream.get()
        if not _ended(response):
            raise ModelConnectionError(self.name, "the stream ended without saying why", phase="read")
        return response

    def _unusable(self, error: Exception, *, repeatable: bool) -> ModelError:
        text = one_line(f"{type(error).__name__}: {error}", 300)
        return ModelError(
            f"{self._endpoint.model} at {self._endpoint.base_url} gave no usable answer ({text}); check that the "
            "address is that of a model server",
            spent=Completion(text=""),
            repeatable=repeatable,
        )


def _ended(response: pai.ModelResponse) -> bool:
    """Whether a stream said how it ended. A server that dies leaves a stream that is over but not ended."""
    return response.finish_reason == "content_filter" or "finish_reason" in (response.provider_details or {})


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C here must not leave the call running there
        raise


@contextlib.contextmanager
def open_model(
    endpoint: Endpoint,
    *,
    settings: CallSettings | None = None,
    rng: random.Random | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    on_fault: Callable[[Fault], None] | None = None,
) -> Iterator[ProviderModel]:
    """A model at an endpoint while the block runs; the arguments are those of `ProviderModel`."""
    model = ProviderModel(
        endpoint, settings=settings or CallSettings(), rng=rng or random.Random(0), sleep=sleep, on_fault=on_fault
    )
    try:
        yield model
    finally:
        model.close()
