"""Endpoints that answer as told, in OpenAI's and in Anthropic's format, with the error bodies that those send."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from local_servers import running

from harness.models.base import ChatReply, ChatRequest, Message
from harness.models.build import build_model
from harness.settings.schema import ModelSettings

Kind = Literal["openai", "anthropic"]
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


def openai_reply(words: str | None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": words} | more
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def anthropic_reply(*blocks: dict[str, Any], stop: str = "end_turn", **usage: int) -> dict[str, Any]:
    return {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(blocks),
        "stop_reason": stop,
        "usage": {"input_tokens": 11, "output_tokens": 7} | usage,
    }


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


class ModelServer(ThreadingHTTPServer):
    """Answers with what `plan` holds, in order, then with the last for ever. `hang` lets a request wait for the end."""

    daemon_threads = True

    def __init__(self, kind: Kind) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kind: Kind = kind
        self.plan: list[tuple[int, dict[str, str], bytes] | Literal["hang", "drop"]] = []
        self.seen: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def sends(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.plan.append((status, {k.replace("_", "-"): v for k, v in headers.items()}, data))

    def says(self, *words: str) -> None:
        for said in words:
            self.sends(openai_reply(said) if self.kind == "openai" else anthropic_reply(text(said)))

    def fails(self, status: int, words: str = "no", code: str = "some_error", **headers: str) -> None:
        error = {"message": words, "type": code, "code": code}
        body = {"error": error} if self.kind == "openai" else {"type": "error", "error": error}
        self.sends(body, status, **headers)

    def hangs(self) -> None:
        self.plan.append("hang")

    def drops(self) -> None:
        self.plan.append("drop")


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, ModelServer)
        server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        server.paths.append(self.path)
        server.headers.append({k.lower(): v for k, v in self.headers.items()})
        answer = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        if answer == "hang":
            server.over.wait()
        if isinstance(answer, str):
            self.close_connection = True
            return
        status, headers, data = answer
        self.send_response(status)
        for key, value in ({"Content-Type": "application/json", "Content-Length": str(len(data))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(kind: Kind) -> Iterator[ModelServer]:
    server = ModelServer(kind)
    with running(server, server.over):
        yield server


def request(*, schema: dict[str, Any] | None = None, image: bytes | None = None, fixed: int = 1) -> ChatRequest:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="hello"))
    return ChatRequest(messages=messages, fixed=fixed, image=image, reply_schema=schema, seed=5)


class Asked:
    """A client of a server, with the waits that it asked for instead of taken."""

    def __init__(self, server: ModelServer | str, *, kind: Kind = "openai", **model: Any) -> None:
        self.waits: list[float] = []
        address = server if isinstance(server, str) else server.base_url
        kind = kind if isinstance(server, str) else server.kind
        backend = "openai_compatible" if kind == "openai" else "anthropic"
        settings = ModelSettings.model_validate({"base_url": address, "name": "m", "backend": backend} | model)
        self.client = build_model(settings, "worker", {KEYS[kind]: "sesame"}, sleep=self.waits.append)

    def __call__(self, ask: ChatRequest | None = None, *, seconds: float = 30.0) -> ChatReply:
        try:
            return self.client.ask(ask or request(), deadline=time.monotonic() + seconds)
        finally:
            self.client.close()
