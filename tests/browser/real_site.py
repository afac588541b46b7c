"""A small shop that speaks REAL's protocol, to run the SDK's own omnizon tasks on; it fails as told.

State is kept by browser session, so that attempts at the same time never see each other.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = """<!doctype html><title>Shop</title><h1>Shop</h1>
<form action="/order" method="get"><button name="id" value="212">cooking pot</button></form>
<form action="/order" method="get"><button name="id" value="7">wooden spoon</button></form>"""


class Shop(ThreadingHTTPServer):
    """`start_page` is what `/` shows; `on_finish` (status, body) answers `/finish` instead of the state.

    While `released` is clear, `/finish` hangs. Both hold for the grading only, not for its look at the start.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.start_page = START
        self.on_finish: tuple[int, str] | None = None
        self.released = threading.Event()
        self.released.set()
        self.read: set[str] = set()
        self.orders: dict[str, list[str]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    @property
    def spec(self) -> str:
        """For --sites."""
        return f"omnizon={self.url}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no news."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _send(self, body: str, status: int = 200, **headers: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        shop = self.server
        assert isinstance(shop, Shop)
        path, query = urlsplit("/" + self.path.lstrip("/")).path, parse_qs(urlsplit(self.path).query)
        shop.asked.append(self.path)
        session = (self.headers.get("Cookie") or "").partition("session=")[2].partition(";")[0]
        if path == "/config":
            session = f"s{len(shop.orders)}"
            shop.orders[session] = []
            self._send("configured", Set_Cookie=f"session={session}; Path=/")
        elif path == "/order":
            shop.orders.setdefault(session, []).extend(query.get("id", []))
            self._send("<title>Thanks</title><p>Your order was placed.</p>")
        elif path == "/finish":
            self._finish(shop, session)
        elif path == "/elsewhere":
            self._send("", 302, Location="/finish")
        else:
            self._send(shop.start_page)

    def _finish(self, shop: Shop, session: str) -> None:
        grading = session in shop.read
        shop.read.add(session)
        if grading:
            shop.released.wait(60)
        if grading and shop.on_finish is not None:
            self._send(shop.on_finish[1], shop.on_finish[0])
            return
        orders = {str(n): {"items": [{"id": item}]} for n, item in enumerate(shop.orders.get(session, []))}
        state = {"initialfinaldiff": {"added": {"order": {"orders": orders}}}, "differences": {"SECRET": True}}
        self._send(f"<pre>{json.dumps(state)}</pre>")
