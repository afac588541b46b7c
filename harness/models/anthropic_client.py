"""One message over Anthropic's format with the official client.

The prompt cache is set to end after the constant messages. No temperature and no seed are sent: the API has
no seed, and its newer models refuse a temperature.
"""

import base64
import json
from typing import Any

import anthropic
from pydantic import BaseModel, ValidationError

from halo_common.model_calls import NO_PROXY, Failure, error_message, failed_reply, on_this_machine, retry_after
from harness.models.base import ChatReply, ChatRequest, Message, RequestFailed, Tokens, malformed
from harness.models.schemas import strict, unwrapped
from harness.settings.schema import ModelSettings

TOOL = "act"


class _Block(BaseModel):
    type: str
    text: str | None = None
    input: dict[str, Any] | None = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Answer(BaseModel):
    """What is read of a reply."""

    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage = _Usage()


class AnthropicClient:
    """`settings` are resolved ones."""

    def __init__(self, settings: ModelSettings, api_key: str) -> None:
        self._settings, self._key = settings, api_key
        self._client = anthropic.Anthropic(
            base_url=settings.base_url.removesuffix("/v1"),
            api_key=api_key,
            max_retries=0,
            timeout=settings.timeout,
            # `trust_env=False` would not do: this client reads the proxies all the same.
            http_client=anthropic.DefaultHttpxClient(mounts=NO_PROXY if on_this_machine(settings.base_url) else {}),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, request: ChatRequest, *, timeout: float) -> ChatReply:
        """One request, one reply. Raises RequestFailed."""
        try:
            raw = self._client.messages.with_raw_response.create(
                model=self._settings.name,
                max_tokens=self._settings.max_tokens,
                timeout=timeout,
                **_conversation(request),
                **self._format(request),
            )
        except anthropic.APITimeoutError:
            raise RequestFailed(Failure("timeout")) from None
        except anthropic.APIConnectionError as error:
            raise RequestFailed(Failure("unreachable", str(error.__cause__ or error))) from None
        except anthropic.APIStatusError as error:
            message = error_message(error.response.text, secret=self._key, code=True)
            wait = retry_after(error.response.headers)
            raise RequestFailed(failed_reply(error.response.status_code, message, retry_after=wait)) from None
        return _read(raw.text(), secret=self._key)

    def _format(self, request: ChatRequest) -> dict[str, Any]:
        schema, kind = request.reply_schema, self._settings.reply_format
        if schema is None or kind == "text":
            return {}
        if kind == "json_schema":
            return {"output_config": {"format": {"type": "json_schema", "schema": strict(schema)}}}
        tool = {"name": TOOL, "description": "Say the one next action.", "input_schema": strict(schema)}
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": TOOL}}


def _read(body: str, *, secret: str) -> ChatReply:
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        raise malformed(body, secret=secret) from None
    called = next((block.input for block in answer.content if block.type == "tool_use"), None)
    text = "".join(block.text or "" for block in answer.content if block.type == "text")
    if called is not None:
        text = json.dumps(called, ensure_ascii=False)
    if not text and answer.stop_reason == "refusal":
        text = "(the model refused to answer)"
    used = answer.usage
    read, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
    prompt = None if used.input_tokens is None else used.input_tokens + read + written
    tokens = Tokens(prompt=prompt, reply=used.output_tokens, cache_read=read, cache_written=written)
    return ChatReply(text=unwrapped(text), tokens=tokens)


def _conversation(request: ChatRequest) -> dict[str, Any]:
    """`system` and `messages`, with the end of the constant messages marked for the prompt cache."""
    system: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    last = len(request.messages) - 1
    for index, message in enumerate(request.messages):
        blocks = _blocks(message, request.image if index == last else None)
        if index == request.fixed - 1:
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
        if message.role == "system":
            system += blocks
        else:
            messages.append({"role": message.role, "content": blocks})
    return {"messages": messages, **({"system": system} if system else {})}


def _blocks(message: Message, png: bytes | None) -> list[dict[str, Any]]:
    text: dict[str, Any] = {"type": "text", "text": message.content}
    if png is None:
        return [text]
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png).decode()}
    return [{"type": "image", "source": source}, text]
