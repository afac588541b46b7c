"""A server of a test's own, running in a thread while the test needs it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=HTTPServer)


@contextmanager
def running(server: Server, held: threading.Event | None = None) -> Iterator[Server]:
    """The server, answering; `held` is what its answers may still wait for when it is to stop."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if held is not None:
            held.set()
        server.shutdown()
        thread.join()
        server.server_close()
