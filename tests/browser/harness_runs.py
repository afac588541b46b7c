"""Runs of the harness as a user starts them, and an endpoint that answers as told."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from halo_common.processes import process_tree
from harness.settings.load import DEFAULT_CONFIG

ROOT = Path(__file__).parents[2]


def config(tmp_path: Path, **groups: dict[str, Any]) -> Path:
    """The bundled config with some settings changed."""
    yaml = YAML()
    data = yaml.load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    for group, values in groups.items():
        data["defaults"][group].update(values)
    path = tmp_path / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(data, file)
    return path


def command(out: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "harness", "eval", "--out", str(out), *args]


def run_eval(out: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(out, *args),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=600,
    )


def results(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return {f"{r['task_id'].removeprefix('miniwob.')}/{r['seed']}": r for r in map(json.loads, lines)}


def spans(out: Path, mode: str, name: str, seed: int) -> list[dict[str, Any]]:
    path = out / mode / f"miniwob.{name}__seed_{seed}__attempt_0.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Endpoint(HTTPServer):
    """Answers with `replies` in order, then with the last for ever; waits while `held` is clear.

    `bodies` keeps what it was sent.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = ['{"action": "click", "target": "1"}']
        self.bodies: list[dict[str, Any]] = []
        self.held = threading.Event()
        self.asked = threading.Event()
        self.held.set()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Endpoint)
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.asked.set()
        self.server.held.wait()
        replies = self.server.replies
        message = {"role": "assistant", "content": replies.pop(0) if len(replies) > 1 else replies[0]}
        reply = {
            "id": "x", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }  # fmt: skip
        data = json.dumps(reply).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # the harness was ended while it waited


def address(server: Endpoint) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1", "HALO_MODEL": "tiny"}


def browsers_below(pid: int) -> list[int]:
    """Chromium's own first process among the descendants."""
    found = []
    for one in (process.pid for process in process_tree(pid)[1:]):
        try:
            line = Path(f"/proc/{one}/cmdline").read_bytes()
        except OSError:
            continue
        if b"--remote-debugging-pipe" in line and b"--type=" not in line:
            found.append(one)
    return found


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def alive(pids: list[int]) -> list[int]:
    """Those that still run; what has ended and only waits to be collected does not."""
    out = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            out.append(pid)
    return out


def start(out: Path, endpoint: Endpoint, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(out, *args), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **address(endpoint)},
    )  # fmt: skip
