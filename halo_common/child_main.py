"""What a child process runs first: it arranges to end with its parent, then runs the program that it was started for.

`ChildProcess` (halo_common.child_process) starts this file by its path. It imports the standard library only, so that a
program can confine itself before anything else is loaded.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

HEADER_BYTES = 4
_PIECE = 1 << 20
_PR_SET_PDEATHSIG = 1


class Channel:
    """The child's end of the pipes to its parent: messages on descriptors 0 and 1.

    A message is its length (4 bytes, most significant first) and that many bytes of JSON.
    """

    def __init__(self, source: int = 0, sink: int = 1) -> None:
        self._source, self._sink = source, sink

    def keep_output(self) -> None:
        """Take standard output for messages alone: what libraries print there goes to standard error from now on."""
        self._sink = os.dup(1)
        os.dup2(2, 1)

    def receive(self) -> Any:
        """The parent's next message. Ends this process when the parent has closed its end."""
        try:
            return json.loads(self.read())
        except EOFError:
            os._exit(0)

    def send(self, message: Any) -> None:
        """Send one message that JSON can hold."""
        self.write(json.dumps(message).encode())

    def read(self) -> bytes:
        """The bytes of the parent's next message. Raises EOFError when the parent has closed its end."""
        return self._exactly(int.from_bytes(self._exactly(HEADER_BYTES), "big"))

    def write(self, body: bytes) -> None:
        """Send one message whose bytes are `body`."""
        left = memoryview(len(body).to_bytes(HEADER_BYTES, "big") + body)
        while left:
            left = left[os.write(self._sink, left) :]

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = os.read(self._source, min(size, _PIECE))
            if not piece:
                raise EOFError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def end_with_parent(parent: int) -> None:
    """End this process when process `parent`, which started it, ends; at once if it already has.

    On Linux the kernel does it, when the thread that started this process ends. Elsewhere a thread watches the parent.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def load(path: Path) -> ModuleType:
    """A Python file as a module under the name of the file, without the packages around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Run `main(channel)` of the program that the arguments name: a file's path or a module's name."""
    start = json.loads(sys.argv[1])
    if start["end_with_parent"]:
        end_with_parent(start["parent"])
    sys.path += start["path"]
    program = start["program"]
    module = load(Path(program)) if program.endswith(".py") else importlib.import_module(program)
    module.main(Channel())


if __name__ == "__main__":
    main()
