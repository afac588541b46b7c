"""The child process that serves a GGUF model on loopback. Messages: settings in; a port, or the words of an error, out.

It serves until its parent closes the pipe or ends.

It imports the standard library and xllamacpp only, so that it starts fast. What the C++ library prints goes to standard
error, which the parent points at a log file.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halo_common.child_main import Channel


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


def main(channel: "Channel") -> None:
    """Serve until the parent closes the pipe."""
    channel.keep_output()
    settings = channel.receive()
    try:
        import xllamacpp

        server = xllamacpp.Server(_params(settings))
        report: dict[str, Any] = {"port": int(server.listening_address.rsplit(":", 1)[1])}
    except Exception as error:  # the process's edge: whatever the library throws must reach the parent as words
        report = {"error": str(error) or type(error).__name__}
        if "libgomp" in report["error"]:
            report["error"] += "; install it, for example: apt-get install libgomp1"
    channel.send(report)
    if "port" in report:
        channel.receive()
    os._exit(0)  # the library's threads are not joinable from here
