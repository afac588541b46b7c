"""A real HTTP server on loopback that plays a provider from a script of replies.

A reply is given as it stands, or, if made by `said`, by the protocol that the request speaks: OpenAI's chat
completions or Anthropic's messages, whole or as a stream.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One HTTP answer. `hang` waits until the server closes; `cut` closes the connection without answering."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: bool = False
    text: str | None = None
    tokens: tuple[int, int] = (12, 5)
    cached: int = 0
    finish: str = "stop"


def said(text: str, *, tokens: tuple[int, int] = (12, 5), cached: int = 0, finish: str = "stop") -> Reply:
    """These words, `cached` of the tokens read from the cache; `finish` is "stop" or "length"."""
    return Reply(text=text, tokens=tokens, cached=cached, finish=finish)


def _openai(reply: Reply, model: str, *, streamed: bool) -> Any:
    head = {"id": "c1", "created": 1, "model": model}
    usage = {
        "prompt_tokens": reply.tokens[0],
        "completion_tokens": reply.tokens[1],
        "total_tokens": sum(reply.tokens),
        "prompt_tokens_details": {"cached_tokens": reply.cached},
    }
    if not streamed:
        message = {"role": "assistant", "content": reply.text}
        choice = {"index": 0, "finish_reason": reply.finish, "message": message}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in _words(reply))]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": reply.finish}])
    chunks = [{**head, "object": "chat.completion.chunk", "choices": one} for one in choices]
    chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _anthropic(reply: Reply, model: str, *, streamed: bool) -> Any:
    stop = {"stop": "end_turn", "length": "max_tokens"}[reply.finish]
    usage = {
        "input_tokens": reply.tokens[0] - reply.cached,
        "cache_read_input_tokens": reply.cached,
        "output_tokens": reply.tokens[1],
    }
    message = {"id": "m1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    if not streamed:
        content = [{"type": "text", "text": reply.text}]
        return {**message, "content": content, "stop_reason": stop, "usage": usage}
    start = {**message, "content": [], "stop_reason": None, "usage": usage | {"output_tokens": 0}}
    deltas = [{"type": "text_delta", "text": word} for word in _words(reply)]
    ended = {"stop_reason": stop, "stop_sequence": None}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": reply.tokens[1]}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _words(reply: Reply) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", reply.text or "")


def chat(content: str, *, finish: str = "stop", tokens: tuple[int, int] | None = (12, 5)) -> Reply:
    """A chat completion as OpenAI's API gives it."""
    body: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
    }
    if tokens is not None:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return Reply(body=body)


def failure(status: int, words: str, **headers: str) -> Reply:
    """An error as OpenAI's API gives it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body={"error": {"message": words, "type": "e", "code": None}}, headers=named)


class FakeServer:
    """Answers POSTs from `script` in order; the last reply repeats.

    `asked` holds (path, headers by lower-case name, body).
    """

    def __init__(self, script: list[Reply]) -> None:
        self.script = script
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                number = len(fake.asked)
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.asked.append((self.path, headers, body))
                reply = fake.script[min(number, len(fake.script) - 1)]
                if reply.hang:
                    fake.closing.wait()
                self.close_connection = True
                if reply.hang or reply.cut:
                    return
                if reply.text is not None:
                    speak = _anthropic if self.path.split("?")[0].endswith("/messages") else _openai
                    streamed = bool(body.get("stream"))
                    told = speak(reply, body["model"], streamed=streamed)
                    kind = "text/event-stream" if streamed else "application/json"
                    reply = Reply(body=told.encode() if streamed else told, headers={"Content-Type": kind})
                raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@contextlib.contextmanager
def fake_server(*script: Reply) -> Iterator[FakeServer]:
    server = FakeServer(list(script))
    try:
        yield server
    finally:
        server.close()


def closed_port() -> int:
    """A port that nothing listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
