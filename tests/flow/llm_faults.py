"""Ways in which a provider's answer goes wrong, in OpenAI's and Anthropic's protocols; `llm_fault_proxy` does them."""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Answer:
    """What goes back. `pieces` are the whole body, or the events of a stream; `cut` breaks off after so many bytes or
    pieces, without (`cut_silently`: with) the mark of an orderly end."""

    status: int
    pieces: list[bytes]
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    cut_silently: bool = False
    wait_in_middle: threading.Event | None = None


@dataclass(frozen=True)
class Exchange:
    """One request: its protocol, whether it asked for a stream, and what the server behind says to it when asked."""

    anthropic: bool
    streamed: bool
    forward: Callable[[], Answer]
    closing: threading.Event


@dataclass(frozen=True)
class Fault:
    """`apply` gives the answer, or None for a connection that is closed without one."""

    name: str
    apply: Callable[[Exchange], Answer | None]


# ---- the words of both protocols


def _failure(exchange: Exchange, status: int, kind: str, words: str, **more: Any) -> Answer:
    error: Json = {"type": kind, "message": words, **more}
    body: Json = {"type": "error", "error": error} if exchange.anthropic else {"error": error}
    return Answer(status, [json.dumps(body).encode()])


def _read(piece: bytes) -> Json | None:
    """The object of a whole body, or of one event of a stream."""
    for line in piece.splitlines():
        text = line.removeprefix(b"data:").strip()
        if text.startswith(b"{"):
            with contextlib.suppress(ValueError):
                found: Json = json.loads(text)
                return found
    return None


def _write(piece: bytes, body: Json) -> bytes:
    if not piece.startswith((b"data:", b"event:")):
        return json.dumps(body).encode()
    head = piece.split(b"data:", 1)[0]
    return head + b"data: " + json.dumps(body).encode() + b"\n\n"


def _changed(answer: Answer, change: Callable[[Json], Json | None]) -> Answer:
    """The answer with each of its objects changed, or dropped where the change gives None."""
    pieces: list[bytes] = []
    for piece in answer.pieces:
        body = _read(piece)
        changed = body if body is None else change(body)
        if body is None:
            pieces.append(piece)
        elif changed is not None:
            pieces.append(_write(piece, changed))
    answer.pieces = pieces
    return answer


def _has_text(body: Json | None) -> bool:
    """Whether an event of a stream brings text."""
    if body is None:
        return False
    choices = body.get("choices") or [{}]
    return body.get("type") == "content_block_delta" or bool(choices[0].get("delta", {}).get("content"))


# ---- faults


def status(code: int, words: str = "oops", *, retry_after: float | None = None, kind: str = "api_error") -> Fault:
    """An error reply; `retry_after` in seconds."""

    def apply(exchange: Exchange) -> Answer:
        answer = _failure(exchange, code, kind, words)
        answer.headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return answer

    return Fault(f"status {code}", apply)


def rate_limited(retry_after: float | None = None) -> Fault:
    """429, with or without the time to wait."""
    return status(429, "slow down", retry_after=retry_after, kind="rate_limit_error")


OVERLOADED = status(529, "Overloaded", kind="overloaded_error")
SERVER_ERROR = status(500, "internal error")

TOO_LONG_WORDS: dict[str, tuple[int, str, str, Json]] = {
    "openai": (
        400,
        "invalid_request_error",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        {"code": "context_length_exceeded"},
    ),
    "anthropic": (400, "invalid_request_error", "prompt is too long: 200500 tokens > 200000 maximum", {}),
    "anthropic with reply": (
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000",
        {},
    ),
    "anthropic size": (413, "request_too_large", "Request exceeds the maximum size", {}),
    "llama.cpp": (
        400,
        "exceed_context_size_error",
        "request (20010 tokens) exceeds the available context size (8192 tokens), try increasing it",
        {"n_prompt_tokens": 20010, "n_ctx": 8192},
    ),
    "llama.cpp while writing": (500, "server_error", "Context size has been exceeded.", {}),
    "vllm": (
        400,
        "BadRequestError",
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        {},
    ),
    "vllm longer": (
        400,
        "BadRequestError",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        {},
    ),
}


def too_long(server: str) -> Fault:
    """A context overflow as that server says it (a key of TOO_LONG_WORDS)."""
    code, kind, words, more = TOO_LONG_WORDS[server]
    return Fault(f"too long, {server}", lambda exchange: _failure(exchange, code, kind, words, **more))


def _hang(exchange: Exchange) -> None:
    exchange.closing.wait()


def _cut(exchange: Exchange) -> Answer:
    answer = exchange.forward()
    answer.cut = True
    return answer


def _end_early(exchange: Exchange) -> Answer:
    answer = exchange.forward()
    answer.cut_silently = True
    return answer


def _bad_json(exchange: Exchange) -> Answer:
    answer = exchange.forward()
    middle = len(answer.pieces) // 2
    head = answer.pieces[middle].split(b"data:")[0]  # the event's name, where the protocol has one
    broken = head + b'data: {"choices": [{"del\n\n' if exchange.streamed else b'{"choices": [{"mess'
    answer.pieces = [*answer.pieces[:middle], broken, *answer.pieces[middle + 1 :]]
    return answer


def _wrong_shape(exchange: Exchange) -> Answer:
    return _changed(exchange.forward(), lambda body: {"unexpected": True})


def _without_text(body: Json) -> Json | None:
    if _has_text(body):
        return None
    if "content" in body:
        return body | {"content": []}
    if body.get("choices") and "message" in body["choices"][0]:
        body["choices"][0]["message"]["content"] = ""
    return body


REFUSAL_WORDS = "I cannot help with that."


def _refusing(body: Json) -> Json | None:
    if "choices" in body:
        for choice in body["choices"]:
            if "message" in choice:
                choice["message"] |= {"content": None, "refusal": REFUSAL_WORDS}
            elif "role" in choice["delta"]:  # the first piece of a stream
                choice["delta"] |= {"content": None, "refusal": REFUSAL_WORDS}
            else:
                choice["delta"].pop("content", None)
        return body
    if body.get("type") == "message_delta":
        body["delta"]["stop_reason"] = "refusal"
    elif body.get("type") == "message":
        return body | {"content": [], "stop_reason": "refusal"}
    return None if _has_text(body) else body


def wrong_usage(tokens_in: int, tokens_out: int) -> Fault:
    """A reply that says to have used so many tokens."""

    def change(body: Json) -> Json:
        for holder in (body, body.get("message")):
            if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
                told = {
                    "prompt_tokens": tokens_in,
                    "completion_tokens": tokens_out,
                    "total_tokens": tokens_in + tokens_out,
                }
                if "input_tokens" in holder["usage"] or "output_tokens" in holder["usage"]:
                    told = {"input_tokens": tokens_in, "output_tokens": tokens_out}
                holder["usage"] = told
        return body

    return Fault(f"usage {tokens_in} and {tokens_out}", lambda exchange: _changed(exchange.forward(), change))


def _duplicated(exchange: Exchange) -> Answer:
    answer = exchange.forward()
    first = next((number for number, piece in enumerate(answer.pieces) if _has_text(_read(piece))), None)
    if first is not None:
        answer.pieces.insert(first, answer.pieces[first])
    return answer


def pause(until: threading.Event) -> Fault:
    """Wait in the middle of the answer until the event is set: proves that the first half was handed on by then."""

    def apply(exchange: Exchange) -> Answer:
        answer = exchange.forward()
        answer.wait_in_middle = until
        return answer

    return Fault("pause", apply)


def failing_in_stream(words: str = "Overloaded", kind: str = "overloaded_error") -> Fault:
    """An error as one of the events of a stream, after some text."""

    def apply(exchange: Exchange) -> Answer:
        answer = exchange.forward()
        middle = len(answer.pieces) // 2
        body = _failure(exchange, 529, kind, words).pieces[0]
        head = b"event: error\n" if exchange.anthropic else b""
        answer.pieces = [*answer.pieces[:middle], head + b"data: " + body + b"\n\n"]
        return answer

    return Fault("error in the stream", apply)


HANG = Fault("hang", _hang)
CUT_BEFORE = Fault("cut before", lambda exchange: None)
CUT = Fault("cut in the middle", _cut)
END_EARLY = Fault("ended early", _end_early)
BAD_JSON = Fault("bad JSON", _bad_json)
WRONG_SHAPE = Fault("wrong shape", _wrong_shape)
EMPTY = Fault("empty", lambda exchange: _changed(exchange.forward(), _without_text))
REFUSAL = Fault("refusal", lambda exchange: _changed(exchange.forward(), _refusing))
DUPLICATE = Fault("duplicated piece", _duplicated)
