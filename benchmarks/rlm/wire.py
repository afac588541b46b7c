"""A local server that plays a model: it answers each request from a script and keeps every request as it came.

It speaks the two protocols that the engines' clients use, OpenAI's chat completions and its responses stream, and
listens on loopback only.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the played model makes."""

    name: str
    arguments: Body

    @property
    def words(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What the played model says: text, or tool calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt in its order. `fixed` for what is the same in every call: tools, schema, system prompt."""

    text: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was received, and the reply that it was given."""

    prompt: tuple[Piece, ...]
    reply: tuple[str, ...]


Playing = Callable[[Body], Said]


class Wire:
    """The server. `exchanges` are in the order of arrival."""

    def __init__(self, play: Playing) -> None:
        self.play = play
        self.exchanges: list[Exchange] = []
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def take(self) -> list[Exchange]:
        """The exchanges since the last time this was asked."""
        with self._lock:
            taken, self.exchanges = self.exchanges, []
        return taken

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, path: str, body: Body) -> tuple[str, bytes]:
        """Content type and body of the reply to a request."""
        responses = path.endswith("/responses")
        with self._lock:
            said = self.play(body)
            prompt = tuple(_of_responses(body) if responses else _of_chat(body))
            spoken = (said.text,) if said.text else tuple(part for c in said.calls for part in (c.name, c.words))
            self.exchanges.append(Exchange(prompt, spoken))
            number = len(self.exchanges)
        if responses:
            return "text/event-stream", _responses_stream(said, number)
        if body.get("stream"):
            return "text/event-stream", _chat_stream(said.text)
        return "application/json", json.dumps(_chat(said.text)).encode()


@contextlib.contextmanager
def wire(play: Playing) -> Iterator[Wire]:
    """The server while the block runs."""
    server = Wire(play)
    try:
        yield server
    finally:
        server.close()


def _of_chat(body: Body) -> Iterator[Piece]:
    """The schema of the reply counts: a provider puts it before the model's eyes."""
    form = body.get("response_format") or {}
    if "json_schema" in form:
        yield Piece(_json(form["json_schema"]), fixed=True)
    if body.get("tools"):
        yield Piece(_json(body["tools"]), fixed=True)
    for message in body["messages"]:
        yield Piece(_text(message.get("content")), fixed=message["role"] in {"system", "developer"})


def _of_responses(body: Body) -> Iterator[Piece]:
    yield Piece(_json(body.get("tools") or []), fixed=True)
    if body.get("instructions"):
        yield Piece(body["instructions"], fixed=True)
    for item in body["input"]:
        match item.get("type", "message"):
            case "function_call":
                yield Piece(f"{item['name']} {item['arguments']}")
            case "function_call_output":
                yield Piece(_text(item["output"]))
            case _:
                yield Piece(_text(item.get("content")), fixed=item.get("role") in {"system", "developer"})


def results_of(body: Body) -> list[str]:
    """The tool results in a request, oldest first: of a responses request its outputs, of a chat its user messages."""
    if "input" in body:
        return [_text(item["output"]) for item in body["input"] if item.get("type") == "function_call_output"]
    return [_text(message["content"]) for message in body["messages"] if message["role"] == "user"]


def system_of(body: Body) -> str:
    """The system prompt of a request."""
    said = body.get("input") or body.get("messages") or []
    return "\n".join(_text(item.get("content")) for item in said if item.get("role") in {"system", "developer"})


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chat(text: str) -> Body:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "played",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _chat_stream(text: str) -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "played"}
    said = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    chunks = [head | {"choices": [said]}, head | {"choices": [ended]}, head | {"choices": [], "usage": usage}]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def _responses_stream(said: Said, number: int) -> bytes:
    """The events that a client of the responses protocol needs: items as they end, and the whole at last."""
    items: list[Body] = [
        {
            "type": "function_call",
            "id": f"fc_{number}_{place}",
            "call_id": f"call_{number}_{place}",
            "name": call.name,
            "arguments": call.words,
            "status": "completed",
        }
        for place, call in enumerate(said.calls)
    ]
    if said.text:
        content = [{"type": "output_text", "text": said.text, "annotations": []}]
        items.append(
            {"type": "message", "id": f"m_{number}", "role": "assistant", "status": "completed", "content": content}
        )
    whole = _response(number, items)
    events: list[Body] = [{"type": "response.created", "response": _response(number, []) | {"status": "in_progress"}}]
    for place, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": place, "item": item})
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    events.append({"type": "response.completed", "response": whole})
    lines = (f"event: {e['type']}\ndata: {json.dumps(e | {'sequence_number': n})}\n\n" for n, e in enumerate(events))
    return "".join(lines).encode()


def _response(number: int, items: Sequence[Body]) -> Body:
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "played",
        "output": list(items),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": None,
        "top_p": None,
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details},
    }


def _handler(server: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                kind, raw = server.answer(self.path, body)
                status = 200
            except Exception as error:  # a fault of a script must end the run, not hang its client
                server.faults.append(f"{type(error).__name__}: {error}")
                kind, raw, status = "application/json", json.dumps({"error": {"message": str(error)}}).encode(), 400
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
