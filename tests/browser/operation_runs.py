"""Verbs of the harness as a user runs them, and an endpoint that answers by what it is asked."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness_runs import ROOT
from local_servers import running

Reply = tuple[int, str]


def harness(*args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run one verb to its end."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=ROOT, capture_output=True, text=True, check=False, input=stdin, env={**os.environ, **env}, timeout=600,
    )  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(content: str | None, **message: Any) -> Reply:
    """A chat completion."""
    whole = {"role": "assistant", "content": content} | message
    return 200, json.dumps({
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": whole}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
    })  # fmt: skip


def click(target: str) -> Reply:
    return said(json.dumps({"action": "click", "target": target}))


class TaskOptions(ThreadingHTTPServer):
    """Answers each request by `answer`, which gets its body. A request may wait inside; `released` lets it go."""

    daemon_threads = True

    def __init__(self, answer: Callable[[dict[str, Any]], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.waiting = threading.Event()

    def hold(self) -> None:
        """Keep a request waiting."""
        self.waiting.set()
        self.released.wait(120)

    @property
    def env(self) -> dict[str, str]:
        return {"OPENAI_BASE_URL": f"http://127.0.0.1:{self.server_address[1]}/v1", "HALO_MODEL": "tiny"}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        assert isinstance(self.server, TaskOptions)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        status, text = self.server.answer(body)
        data = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # the harness gave up waiting


@contextmanager
def endpoint(answer: Callable[[dict[str, Any]], Reply]) -> Iterator[TaskOptions]:
    """A running endpoint."""
    server = TaskOptions(answer)
    with running(server, server.released):
        yield server
