"""A real HTTP proxy on loopback that breaks what passes through it, one request at a time, as a script says.

It stands in front of any server that speaks OpenAI's or Anthropic's protocol. A script is any iterable of faults, None
for a request that passes untouched; after its end everything passes. It waits for nothing but `HANG` and `pause`.

    with FaultProxy(server.url, [rate_limited(7), None, CUT]) as proxy:
        ...  # call proxy.url; proxy.seen names what was done to each request
"""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from llm_faults import Answer, Exchange, Fault


class FaultProxy:
    """Serves while the block runs. `seen` names the fault of each request, "" for one that passed."""

    def __init__(self, upstream: str, faults: Iterable[Fault | None] = ()) -> None:
        """`upstream` is the server's address, ending in /v1 as an endpoint's does."""
        self.seen: list[str] = []
        self._faults = iter(faults)
        self._upstream = urlsplit(upstream)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._http.server_port}{self._upstream.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _next(self) -> Fault | None:
        with self._lock:
            fault = next(self._faults, None)
            self.seen.append(fault.name if fault else "")
            return fault

    @contextlib.contextmanager
    def _asked(self, path: str, headers: dict[str, str], body: bytes) -> Iterator[http.client.HTTPResponse]:
        assert self._upstream.hostname is not None
        connection = http.client.HTTPConnection(self._upstream.hostname, self._upstream.port or 80)
        try:
            connection.request("POST", path, body, headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def _forward(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self._asked(path, headers, body) as reply:
            kind = reply.headers.get_content_type()
            raw = reply.read()
        pieces = [raw]
        if kind == "text/event-stream":
            pieces = [event + b"\n\n" for event in raw.replace(b"\r\n", b"\n").split(b"\n\n") if event.strip()]
        return Answer(reply.status, pieces, kind)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.close_connection = True
                body = self.rfile.read(int(self.headers["Content-Length"]))
                passed = {"host", "content-length", "connection", "accept-encoding"}
                headers = {name: value for name, value in self.headers.items() if name.lower() not in passed}
                fault = proxy._next()
                exchange = Exchange(
                    anthropic=self.path.split("?")[0].endswith("/messages"),
                    streamed=bool(json.loads(body).get("stream")),
                    forward=lambda: proxy._forward(self.path, headers, body),
                    closing=proxy._closing,
                )
                with contextlib.suppress(ConnectionError):  # a caller that gave up
                    if fault is None:
                        self._relay(headers, body)
                    elif (answer := fault.apply(exchange)) is not None:
                        self._send(answer)

            def _relay(self, headers: dict[str, str], body: bytes) -> None:
                """Hand on what comes as it comes; the end of the connection is the end of the answer."""
                with proxy._asked(self.path, headers, body) as reply:
                    self.send_response(reply.status)
                    self.send_header("Connection", "close")
                    for name in ("Content-Type", "Content-Length", "Retry-After"):
                        if (value := reply.headers.get(name)) is not None:
                            self.send_header(name, value)
                    self.end_headers()
                    while piece := reply.read1(65_536):
                        self.wfile.write(piece)
                        self.wfile.flush()

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in {"Content-Type": answer.kind, "Connection": "close", **answer.headers}.items():
                    self.send_header(name, value)
                whole = answer.kind != "text/event-stream"
                if not answer.cut_silently and whole:
                    self.send_header("Content-Length", str(len(b"".join(answer.pieces))))
                elif not answer.cut_silently:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                pieces = [answer.pieces[0][:20], answer.pieces[0][20:]] if whole else answer.pieces
                for piece in self._until_cut(answer, pieces):
                    chunked = not whole and not answer.cut_silently
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                    self.wfile.flush()
                if not whole and not answer.cut and not answer.cut_silently:
                    self.wfile.write(b"0\r\n\r\n")

            def _until_cut(self, answer: Answer, pieces: Sequence[bytes]) -> Iterator[bytes]:
                middle = max(1, len(pieces) // 2)
                yield from pieces[:middle]
                if answer.wait_in_middle is not None:
                    answer.wait_in_middle.wait()
                if not answer.cut and not answer.cut_silently:
                    yield from pieces[middle:]

            def log_message(self, *args: object) -> None:
                pass

        return Handler
