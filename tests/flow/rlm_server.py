"""A real HTTP server on loopback that speaks the OpenAI protocol and answers by a function of what it is asked.

It streams as server-sent events where it is asked to, piece by piece; a piece may be an Event that is waited for.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Said:
    """One answer: its pieces (an Event between them is waited for), or an HTTP error, or silence until it closes."""

    pieces: Sequence[str | threading.Event] = ()
    status: int = 200
    hang: bool = False
    tokens: tuple[int, int] = (100, 20)

    @property
    def text(self) -> str:
        return "".join(piece for piece in self.pieces if isinstance(piece, str))


@dataclass
class Asked:
    """One request: what the model was told, by role, and the whole body."""

    body: dict[str, Any]
    messages: list[tuple[str, str]] = field(default_factory=list)

    @property
    def system(self) -> str:
        return next((words for role, words in self.messages if role == "system"), "")

    @property
    def last(self) -> str:
        return self.messages[-1][1]

    @property
    def turns(self) -> int:
        """How often the model spoke before."""
        return sum(role == "assistant" for role, _ in self.messages)


Answers = Callable[[Asked], Said | str]


class ModelServer:
    """Answers POSTs by `answers`; `asked` holds them all in order. `silent` is set when a request is left hanging."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.silent = threading.Event()
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def spec(self, *, provider: str = "lab", model: str = "fake-1") -> str:
        return f"{provider}:{model}@{self.url}"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(body, [(message["role"], message["content"]) for message in body["messages"]])
            server.asked.append(asked)
            said = server.answers(asked)
            said = Said([said]) if isinstance(said, str) else said
            self.close_connection = True
            if said.hang:
                server.silent.set()
                server.closing.wait()
                return
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._answer(said, stream=bool(body.get("stream")))

        def _answer(self, said: Said, *, stream: bool) -> None:
            if said.status != 200:
                self._send(json.dumps({"error": {"message": "no", "type": "e", "code": None}}), said.status)
            elif stream:
                self._stream(said)
            else:
                choice = {"index": 0, "finish_reason": "stop"}
                message = {"role": "assistant", "content": said.text}
                self._send(json.dumps({**_head(said), "choices": [{**choice, "message": message}]}))

        def _send(self, raw: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw.encode())))
            self.end_headers()
            self.wfile.write(raw.encode())

        def _stream(self, said: Said) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for piece in said.pieces:
                if isinstance(piece, threading.Event):
                    piece.wait(60)
                    continue
                self._event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}}]})
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self._event({**_head(said), "choices": []})
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, data: dict[str, Any]) -> None:
            chunk = {"id": "c1", "created": 1, "model": "fake", **data, "object": "chat.completion.chunk"}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _head(said: Said) -> dict[str, Any]:
    tokens_in, tokens_out = said.tokens
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "fake", "usage": usage}


@contextlib.contextmanager
def model_server(answers: Answers) -> Iterator[ModelServer]:
    server = ModelServer(answers)
    try:
        yield server
    finally:
        server.close()
