"""The embedded model: a llama.cpp server in a child process, at a loopback address like any provider's.

The library's output goes to a log file, and the server ends with this process, however that ends.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halo_common.child_process import BadMessage, ChildGone, ChildProcess
from halo_opt.core.errors import EnvironmentMissing
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.gguf import chat_template, locate, trained_context
from halo_opt.llm.spec import DEFAULT_MODEL, LocalModel

# What is served of a model's context unless the user says: more needs memory that not every machine has.
LOCAL_CONTEXT = 16_384
_LOG_TAIL_LINES = 8
_REPORT_BYTES = 1 << 20
_END_SECONDS = 5.0
# A proxy from the environment cannot reach our own loopback server.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def available_cores() -> int:
    """How many cores this process may use: its affinity, cut by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


@dataclass(frozen=True)
class ServerSettings:
    """How the embedded server runs. `context` is tokens per slot; a slot serves one caller at a time. None is what the
    model was trained for, up to 16,384.

    The defaults are what did best beside other busy programs (2 cores, a 135M model, two callers): one slot cost 1.6 s
    of processor time a reply, two slots 2.1; with one thread a reply came after 1.9 s, with two after 2.9. So callers
    queue, and half of the cores are left to the harness and its browsers.
    """

    threads: int = field(default_factory=lambda: min((available_cores() + 1) // 2, 8))
    slots: int = 1
    context: int | None = 4096
    gpu_layers: int = 0
    prompt_cache_mib: int = 256
    start_limit_s: float = 120.0
    extra: dict[str, Any] = field(default_factory=dict)


class LocalServer:
    """One server process for one model, restartable at the same address. Use `serve` unless you need to hold it."""

    def __init__(self, model: LocalModel, *, cache_dir: Path, settings: ServerSettings) -> None:
        self._path = locate(model, cache_dir=cache_dir)
        if importlib.util.find_spec("xllamacpp") is None:
            raise EnvironmentMissing("the embedded model needs xllamacpp; run: pip install 'halo-opt[local]'")
        self._settings = settings
        self._trained = trained_context(self._path)
        self._served = settings.context or min(self._trained or LOCAL_CONTEXT, LOCAL_CONTEXT)
        self._jinja = not _is_plain_chatml(chat_template(self._path))
        self._log_dir = cache_dir / "logs"
        self._log: Path | None = None
        self._port = 0
        self._process: ChildProcess | None = None
        self._lock = threading.Lock()
        self.name = self._path.stem
        self._key = secrets.token_urlsafe(18)  # other programs, and pages in a browser, reach loopback too

    @property
    def pid(self) -> int | None:
        """The child's process id, None before start and after stop."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Endpoint:
        """Start the child and wait until it has answered a real completion.

        Raises EnvironmentMissing with the end of its log when it does not within the time limit.
        """
        with self._lock:
            self._start()
            context = self._context()
        return Endpoint(
            base_url=f"http://127.0.0.1:{self._port}/v1",
            api_key=self._key,
            model=self.name,
            free=True,
            revive=self.ensure_alive,
            context=context,
            trained_context=self._trained,
        )

    def ensure_alive(self) -> None:
        """Start the server again at the same address if its process died or stopped answering."""
        with self._lock:
            if self._process is None or self._healthy() or self._healthy():
                return
            self._stop()
            self._start()

    def stop(self) -> None:
        """End the child and drop its log, which is kept only when a start failed. Safe to call twice."""
        with self._lock:
            self._stop()
            if self._log is not None:
                self._log.unlink(missing_ok=True)
                self._log = None

    def _start(self) -> None:
        deadline = time.monotonic() + self._settings.start_limit_s
        self._spawn(deadline)
        report = self._read_report(deadline)
        if "error" in report:
            raise self._failed(report["error"])
        self._port = report["port"]
        try:
            self._first_answer(deadline)
        except (OSError, ValueError) as error:
            raise self._failed(f"its first completion failed: {error}") from error

    def _spawn(self, deadline: float) -> None:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        if self._log is None:
            handle, name = tempfile.mkstemp(prefix=f"{self.name}-", suffix=".log", dir=self._log_dir)
            os.close(handle)
            self._log = Path(name)
        with self._log.open("ab") as log:
            self._process = ChildProcess(
                Path(__file__).with_name("local_server.py"),
                most_bytes=_REPORT_BYTES,
                errors=log,
                # Its threads must sleep, not spin, while they wait for each other: a browser beside it wants the cores.
                env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            )
        settings = {
            "path": str(self._path),
            "name": self.name,
            "port": self._port,
            "api_key": self._key,
            "threads": self._settings.threads,
            "slots": self._settings.slots,
            "context": self._served,
            "gpu_layers": self._settings.gpu_layers,
            "prompt_cache_mib": self._settings.prompt_cache_mib,
            "jinja": self._jinja,
            "extra": self._settings.extra,
        }
        with contextlib.suppress(ChildGone, TimeoutError):  # it died at once: reading its report says so
            self._process.send(json.dumps(settings).encode(), deadline)

    def _read_report(self, deadline: float) -> dict[str, Any]:
        process = self._process
        assert process is not None
        try:
            report: dict[str, Any] = json.loads(process.receive(deadline))
        except TimeoutError:
            return {"error": f"it was not ready within {self._settings.start_limit_s:g} seconds"}
        except ChildGone:
            return {"error": f"its process ended with status {process.exit_code(_END_SECONDS)}"}
        except (BadMessage, ValueError) as error:
            return {"error": f"its process gave no readable report ({error})"}
        return report

    def _first_answer(self, deadline: float) -> None:
        """One token of a real chat completion: proves weights, chat template and key before anyone relies on them."""
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        with _OPENER.open(request, timeout=max(1.0, deadline - time.monotonic())) as answer:
            if not json.load(answer).get("choices"):
                raise ValueError("it held no choices")

    def _context(self) -> int:
        """Tokens of one slot: the server gives no more than the model was trained for."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/props", headers={"Authorization": f"Bearer {self._key}"}
        )
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return int(json.load(answer)["default_generation_settings"]["n_ctx"])
        except (OSError, ValueError, LookupError, TypeError):
            return self._served

    def _healthy(self) -> bool:
        if self._process is None or self._process.exit_code() is not None:
            return False
        try:
            with _OPENER.open(f"http://127.0.0.1:{self._port}/health", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it holds nothing worth a gentle end

    def _failed(self, problem: str) -> EnvironmentMissing:
        self._stop()
        log, self._log = self._log, None  # left behind: the message names it
        assert log is not None
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(f"    {line}" for line in lines[-_LOG_TAIL_LINES:])
        shown = f"; the end of its log:\n{tail}" if tail else ""
        return EnvironmentMissing(f"the model server for {self._path} did not start: {problem} (log: {log}){shown}")


def _is_plain_chatml(template: str | None) -> bool:
    """Whether the library's built-in ChatML can stand in for the model's own template.

    It is worth it: under a Jinja template the library lets a JSON reply begin with a Markdown fence, which costs a
    small model about a third of its tokens, and cuts the fence off afterwards. Built in, the first token is JSON.
    Templates with tools or reasoning need Jinja.
    """
    return template is not None and "<|im_start|>" in template and "<think>" not in template and "tools" not in template


@contextlib.contextmanager
def serve(
    model: LocalModel = DEFAULT_MODEL, *, cache_dir: Path, settings: ServerSettings | None = None
) -> Iterator[Endpoint]:
    """Serve a local model while the block runs.

    `cache_dir` holds downloads, unpacked models and logs. Raises InputError for a model file that cannot be used and
    EnvironmentMissing when the server does not start.
    """
    server = LocalServer(model, cache_dir=cache_dir, settings=settings or ServerSettings())
    try:
        yield server.start()
    finally:
        server.stop()
