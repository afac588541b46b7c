"""The child process of the Linux backend: confines itself, proves it with probes, and runs cells until its input ends.

Messages: settings in, ready out; then a cell in, any number of (call out, reply in), done out. It runs without
site-packages, for a parent that treats all that comes back as hostile, and runs no cell unless every probe failed.
"""

import builtins
import codecs
import contextlib
import importlib
import importlib.util
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halo_common.child_main import Channel

# numpy finds these only when they are asked for, and then it is too late to read a file.
NUMPY = "linalg fft random ma polynomial strings rec char lib.stride_tricks lib.scimath lib.recfunctions exceptions"
ENCODINGS = "ascii latin-1 utf-8-sig utf-16 utf-32 cp1252 idna punycode unicode_escape raw_unicode_escape hex base64"


def main(channel: "Channel") -> None:
    """Confine this process, report it, and run cells."""
    settings = channel.receive()
    sys.path[:0] = [settings["package"]]
    sys.path.append(settings["numpy"])
    cell = load("cell")
    preload(cell.MODULES.split())
    session, ready = confine(settings, cell, channel)
    channel.write(encoded(ready))
    if ready["failures"]:
        os._exit(1)
    while True:
        request = channel.receive()
        done = session.run(request["cell"], request["code"])
        channel.write(encoded({"kind": "done", "cell": request["cell"], **done}))


def load(name: str) -> ModuleType:
    """A neighbour of this file, without the packages around it."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def preload(modules: list[str]) -> None:
    """Import all that a cell may import, and what those would import later."""
    for name in modules:
        # Not every Python is built with all of them.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in ("numpy", *(f"numpy.{part}" for part in NUMPY.split()), "_strptime", "stringprep"):
        importlib.import_module(name)
    for encoding in ENCODINGS.split():
        codecs.lookup(encoding)
    time.tzset()


def confine(settings: dict[str, Any], cell: ModuleType, channel: "Channel") -> tuple[Any, dict[str, Any]]:
    """Apply one protection after the other and probe each at once; return the session and the report for the host."""
    from halo_opt.confinement import landlock, probes, process, seccomp

    process.limit(memory=settings["memory_bytes"], processor=settings["processor_seconds"])
    process.drop_privileges()
    session = cell.Session(
        output_chars=settings["output_chars"], memory_bytes=settings["memory_bytes"], seconds=settings["seconds"]
    )
    max_bytes = settings["message_bytes"]
    functions = {name: host_function(session, name, cell, channel, max_bytes) for name in settings["functions"]}
    session.names = {**functions, "np": sys.modules["numpy"]}
    clear_interpreter()
    version = landlock.lock([])
    failures = could(probes.succeeded(probes.FILE_PROBES)) if version else ["there is no Landlock"]
    failures += [f"it holds descriptor {number}" for number in range(3, 16) if still_open(number)]
    failures += could(probes.succeeded(probes.ALL_PROBES)) if seccomp.install() else ["there is no seccomp"]
    return session, {"kind": "ready", "landlock": version, "probes": len(probes.ALL_PROBES), "failures": failures}


def could(names: list[str]) -> list[str]:
    """Probes that were not refused, as reasons not to start."""
    return [f"it could {name}" for name in names]


def still_open(number: int) -> bool:
    """Whether a descriptor leads somewhere."""
    try:
        os.lseek(number, 0, os.SEEK_CUR)
    except OSError as error:
        return error.errno == 29  # ESPIPE: a pipe or socket; a number that is not open gives EBADF
    return True


def clear_interpreter() -> None:
    """Remove import paths, the environment, the terminal, and ways to print past the output of a cell."""
    sys.path.clear()
    sys.path_importer_cache.clear()
    os.environ.clear()
    sys.argv[:] = [""]
    nothing = io.StringIO()
    sys.stdin = nothing
    for name in ("__stdin__", "__stdout__", "__stderr__"):
        setattr(sys, name, None)
    for name in ("exit", "quit", "copyright", "credits", "license", "help"):
        vars(builtins).pop(name, None)


def host_function(session: Any, name: str, cell: ModuleType, channel: "Channel", max_bytes: int) -> Callable[..., Any]:
    """A function that calls the host. Its arguments, of at most `max_bytes` bytes, and its result are JSON."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        request = encoded({"kind": "call", "cell": session.cell, "name": name, "args": args, "kwargs": kwargs})
        if len(request) > max_bytes:
            raise cell.HostError(
                f"the arguments of {name}() are {len(request):,} bytes long, over {max_bytes:,}; give fewer"
            )
        with session.uninterrupted():
            channel.write(request)
            reply = channel.receive()
        if reply["error"] is not None:
            raise cell.HostError(reply["error"])
        return reply["value"]

    ask.__name__ = ask.__qualname__ = name
    return ask


def encoded(message: dict[str, Any]) -> bytes:
    """A message as JSON. Raises TypeError or ValueError, as json does, for what JSON cannot hold."""
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, default=plain)
    return text.encode("utf-8", "replace")


def plain(value: Any) -> Any:
    """numpy's numbers and arrays, and sets, as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset | range):
        return list(value)
    raise TypeError(f"a {type(value).__name__} cannot be given to a host function; give text, numbers, lists or dicts")
