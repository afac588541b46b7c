"""A real HTTP server on loopback that plays an OpenAI-compatible provider from a script of replies."""

import contextlib
import json
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
