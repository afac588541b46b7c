"""One chat completion over OpenAI's format: OpenAI itself, or any server that speaks it.

Requests to servers other than OpenAI keep to what small servers know; OpenAI gets its strict form of the schema.
"""

import base64
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from halo_common.model_calls import COMPACT_JSON, Failure, error_message, failed_reply, on_this_machine, retry_after
from harness.models.base import ChatReply, ChatRequest, Message, RequestFailed, Tokens, malformed
from harness.models.schemas import strict, unwrapped
from harness.settings.schema import ModelSettings


class _ReplyMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _ReplyMessage


class _CachedTokens(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None


class _Completion(BaseModel):
    """What is read of a reply. Servers add much else, and leave out much; none of that matters here."""

    choices: list[_Choice]
    usage: _Usage | None = None


def compact_json(model: ModelSettings) -> bool:
    """Whether the endpoint is asked for JSON without free white space. vLLM is often reached through a local tunnel."""
    if model.compact_json == "auto":
        return model.backend != "vllm" and on_this_machine(model.base_url)
    return model.compact_json == "on"


class OpenAIClient:
    """`settings` are resolved ones."""

    def __init__(self, settings: ModelSettings, api_key: str) -> None:
        self._settings, self._key = settings, api_key
        self._client = openai.OpenAI(
            base_url=settings.base_url,
            api_key=api_key,
            max_retries=0,
            timeout=settings.timeout,
            # A proxy cannot reach this machine.
            http_client=openai.DefaultHttpxClient(trust_env=not on_this_machine(settings.base_url)),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, request: ChatRequest, *, timeout: float) -> ChatReply:
        """One request, one reply. Raises RequestFailed."""
        sampling = self._sampling(request)
        parameters = {**sampling, **self._limit(), **self._format(request)}
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=self._settings.name,
                messages=_messages(request),
                timeout=timeout,
                **parameters,
            )
        except openai.APITimeoutError:
            raise RequestFailed(Failure("timeout")) from None
        except openai.APIConnectionError as error:
            raise RequestFailed(Failure("unreachable", str(error.__cause__ or error))) from None
        except openai.APIStatusError as error:
            message = error_message(error.response.text, secret=self._key, code=True)
            wait = retry_after(error.response.headers)
            raise RequestFailed(failed_reply(error.response.status_code, message, retry_after=wait)) from None
        return self._read(raw.text, sampling)

    def _sampling(self, request: ChatRequest) -> dict[str, Any]:
        temperature = self._settings.temperature
        return {**({} if temperature is None else {"temperature": temperature}), "seed": request.seed}

    def _limit(self) -> dict[str, int]:
        # OpenAI's newer models refuse the older word, small servers know only that.
        word = "max_completion_tokens" if self._settings.backend == "openai" else "max_tokens"
        return {word: self._settings.max_tokens}

    def _format(self, request: ChatRequest) -> dict[str, Any]:
        schema, kind = request.reply_schema, self._settings.reply_format
        if schema is None or kind == "text":
            return {}
        if kind == "json_object":
            return {"response_format": {"type": "json_object"}}
        named: dict[str, Any] = {"name": "action"}
        if self._settings.backend == "openai":
            named.update(schema=strict(schema), strict=True)
        else:
            named.update(schema={**schema, **COMPACT_JSON} if compact_json(self._settings) else schema)
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    def _read(self, body: str, sampling: dict[str, Any]) -> ChatReply:
        try:
            completion = _Completion.model_validate_json(body)
            message = completion.choices[0].message
        except (ValidationError, IndexError):
            raise malformed(body, secret=self._key) from None
        # A refusal is the model's own answer: the agent did nothing with its step.
        text = message.content or message.refusal or ""
        if self._settings.backend == "openai" and self._settings.reply_format == "json_schema":
            text = unwrapped(text)
        usage = completion.usage or _Usage()
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
        tokens = Tokens(prompt=usage.prompt_tokens, reply=usage.completion_tokens, cache_read=cached or 0)
        return ChatReply(text=text, tokens=tokens, sampling=sampling)


def _messages(request: ChatRequest) -> list[Any]:
    *before, last = request.messages
    return [*(_plain(m) for m in before), _plain(last) if request.image is None else _with_image(last, request.image)]


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _with_image(message: Message, png: bytes) -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [{"type": "text", "text": message.content}, {"type": "image_url", "image_url": {"url": url}}]
    return {"role": message.role, "content": parts}
