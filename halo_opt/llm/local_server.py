"""The child process that serves a GGUF model: run as a script, never imported, ends when its parent does.

Protocol with the parent (`local.py`): one JSON line of settings on stdin, which then stays open as a lifeline; one
JSON line on stdout, `{"port": N}` or `{"error": "..."}`; all other output, the C++ library's included, goes to stderr,
which the parent points at a log file. It uses only the standard library and xllamacpp, so that it starts fast, and it
listens on loopback only.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from typing import Any

_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int, *, by_kernel: bool) -> None:
    """Leave no orphan: the kernel kills us with our parent where it can, and a thread watches who our parent is.

    The kernel's signal comes when the *thread* that started us ends, so the parent asks for it only from its main
    thread. The watcher also covers a lifeline that some other child of our parent inherited and keeps open.
    """
    if by_kernel and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if hasattr(os, "getppid") and sys.platform != "win32":
        if os.getppid() != parent:
            os._exit(1)
        threading.Thread(target=watch, daemon=True).start()


def _params(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = settings["port"]
    params.api_keys = [settings["api_key"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.n_gpu_layers = settings["gpu_layers"]
    params.cache_prompt = True
    params.cache_ram_mib = settings["prompt_cache_mib"]
    params.use_jinja = settings["jinja"]
    params.ui = False
    params.verbosity = 2  # warnings and errors: a long loop makes very many requests
    for name, value in settings["extra"].items():
        setattr(params, name, value)
    return params


def main() -> None:
    """Serve until stdin closes."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = json.loads(sys.stdin.buffer.readline())
    _die_with_parent(settings["parent"], by_kernel=settings["die_by_kernel"])
    try:
        import xllamacpp

        server = xllamacpp.Server(_params(settings))
        report: dict[str, Any] = {"port": int(server.listening_address.rsplit(":", 1)[1])}
    except Exception as error:  # the process's edge: whatever the library throws must reach the parent as words
        report = {"error": str(error) or type(error).__name__}
        if "libgomp" in report["error"]:
            report["error"] += "; install it, for example: apt-get install libgomp1"
    answer.write(json.dumps(report) + "\n")
    answer.close()
    if "port" in report:
        sys.stdin.buffer.read()
    os._exit(0)  # the library's threads are not joinable from here


if __name__ == "__main__":
    main()
