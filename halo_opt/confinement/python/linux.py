"""The sandbox on Linux: a child process behind Landlock, seccomp, rlimits and no privileges, that lives across cells.

What the child may do is settled in `halo_opt.confinement` and `worker`. The host starts it, uses it only after every
probe in it failed, gives it cells, keeps time, answers its calls and kills it. What the child sends is hostile: each
message must have one of three shapes.
"""

import importlib.util
import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

import halo_opt
from halo_common.child_process import BadMessage, ChildGone, ChildProcess
from halo_opt.confinement import seccomp
from halo_opt.confinement.python.hostcalls import Answer, Host, HostCalls
from halo_opt.confinement.python.records import CellResult, Kind, Limits, Unconfined
from halo_opt.confinement.python.words import ERROR_ROOM, lost, shown

START_SECONDS = 60.0
_AGAIN = 0.5
_WORKER = Path(__file__).with_name("worker.py")
# One thread of numpy's algebra, as no other can start; the same order of sets, and the same clock, everywhere.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC0",
}


class Hello(msgspec.Struct, tag="hello", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The child is shut in: Landlock's version, how many probes were made, and which were not refused."""

    landlock: int
    probes: int
    through: list[str]


class Call(msgspec.Struct, tag="call", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """A cell asks for a host function."""

    cell: int
    name: Annotated[str, msgspec.Meta(max_length=200)]
    args: list[Any]
    kwargs: dict[str, Any]


class Done(msgspec.Struct, tag="done", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """A cell ended."""

    cell: int
    stdout: str
    stdout_cut: Annotated[int, msgspec.Meta(ge=0)]
    value: str | None
    value_cut: Annotated[int, msgspec.Meta(ge=0)]
    error: str | None


Message = Hello | Call | Done
_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message, strict=True)


def read_message(body: bytes) -> Message:
    """A message of the child. Raises BadMessage for one that has none of the three shapes."""
    try:
        return _DECODER.decode(body)
    # Deep nesting is a RecursionError, and text that is no UTF-8 a UnicodeDecodeError.
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadMessage(f"a message of another shape ({type(error).__name__})") from None


class LinuxBox:
    """One confined child process, started again when it had to be killed."""

    kind: Kind = "linux"

    def __init__(self, host: Host, limits: Limits) -> None:
        """Raises Unconfined when this machine does not confine the child."""
        if sys.platform != "linux":
            raise Unconfined("this is not Linux")
        self._host = host
        self._limits = limits
        self._number = 0
        self._child: _Child | None = _Child(host, limits)
        self._hello = self._child.hello

    def explain(self) -> str:
        """What confines it here."""
        limits = self._limits
        return (
            "Python of the model runs in a process of its own that Linux confines: Landlock (version "
            f"{self._hello.landlock}) refuses every file, and seccomp every system call but {seccomp.COUNT}, none of "
            "which takes a path or makes a descriptor, thread or process. It has no environment and no capabilities, "
            f"{limits.memory_bytes / 2**30:g} GB of address space, {limits.processor_seconds} s of processor time and "
            f"{limits.seconds:g} s a cell, and ends with halo-opt. {self._hello.probes} attempts to get out were made "
            "after it was shut in, and all were refused."
        )

    def run(self, code: str) -> CellResult:
        """Run one cell in the child that has the variables of the cells before."""
        if self._child is None:
            self._child = _Child(self._host, self._limits)
        self._number += 1
        calls = HostCalls(self._host, self._limits)
        started = time.monotonic()
        done, error = None, ""
        try:
            done = self._child.converse(self._number, code, calls)
        except BadMessage as wrong:
            error = lost(f"the cell wrote to the sandbox's own channel ({wrong})", "print with print()")
        except TimeoutError:
            error = lost(
                f"the cell did not stop after {self._limits.seconds:g} s and could not be interrupted",
                "do less in one cell and bound every loop",
            )
        except ChildGone:
            error = lost(*self._child.ending())
        finally:
            if done is None:
                self.close()
        seconds = max(0.0, time.monotonic() - started - calls.seconds)
        if done is None:
            return CellResult(
                stdout="", value=None, error=error, seconds=seconds, state_lost=True, host_calls=calls.count
            )
        most = self._limits.output_chars
        return CellResult(
            stdout=shown(done.stdout, done.stdout_cut, most),
            value=None if done.value is None else shown(done.value, done.value_cut, most),
            error=None if done.error is None else shown(done.error, 0, most + ERROR_ROOM),
            seconds=seconds,
            state_lost=False,
            host_calls=calls.count,
        )

    def close(self) -> None:
        """Kill the child; safe to call twice."""
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Child:
    """The process and the conversation with it."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._limits = limits
        try:
            self._process = ChildProcess(
                _WORKER,
                most_bytes=limits.message_bytes + 20 * limits.output_chars,
                # No site-packages: their .pth files are code of others, and slow.
                flags=("-s", "-S", "-B"),
                env=_ENVIRONMENT,
                cwd="/",
            )
        except OSError as error:
            raise Unconfined(f"its process did not start ({error.strerror})") from None
        try:
            self.hello = self._introduced(sorted(host))
        except BaseException:
            self.kill()
            raise

    def converse(self, number: int, code: str, calls: HostCalls) -> Done:
        """Give it a cell and answer its calls until it is done; raises BadMessage, ChildGone, or TimeoutError."""
        if self._process.pipes.unread():
            raise BadMessage("before this cell; it was not run")
        started, grace = time.monotonic(), self._limits.grace
        soft = started + self._limits.seconds
        until = soft
        self._send({"cell": number, "code": code}, soft + grace)
        while True:
            try:
                message = read_message(self._process.receive(until + calls.seconds))
            except TimeoutError:
                if time.monotonic() >= soft + grace + calls.seconds:
                    raise
                # Again and again: code may swallow an interrupt, and may be in a place that no exception leaves.
                self._process.interrupt()
                until = min(max(until, soft) + _AGAIN, soft + grace)
                continue
            if isinstance(message, Hello) or message.cell != number:
                raise BadMessage("a message of another cell")
            if isinstance(message, Done):
                return message
            over = Answer(None, "the cell's time is over")
            answer = calls.answer(message.name, message.args, message.kwargs) if until == soft else over
            reply = f'{{"value": {answer.value or "null"}, "error": {json.dumps(answer.error)}}}'
            self._process.send(reply.encode(), soft + grace + calls.seconds)

    def ending(self) -> tuple[str, str]:
        """How it ended by itself, and what to do instead."""
        code = self._process.exit_code(self._limits.grace)
        if code is None:
            return "the cell closed the sandbox's own channel", "leave descriptors alone"
        if code == -signal.SIGXCPU:
            return f"the cells used up {self._limits.processor_seconds} s of processor time", "let SQL do the work"
        if code == -signal.SIGKILL:
            return "the system ended the process, most likely for its memory", "let SQL aggregate, or take fewer rows"
        if code < 0:
            return f"the process crashed ({signal.Signals(-code).name})", "recurse less, and leave ctypes alone"
        return "the cell ended the process", "let a cell end at its last line"

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def _introduced(self, functions: list[str]) -> Hello:
        limits = self._limits
        settings = {
            "package": str(Path(halo_opt.__file__).parents[1]),
            "numpy": _numpy_home(),
            "functions": functions,
            "memory": limits.memory_bytes,
            "processor": limits.processor_seconds,
            "seconds": limits.seconds,
            "most": limits.output_chars,
            "message": limits.message_bytes,
        }
        try:
            self._send(settings, time.monotonic() + START_SECONDS)
            hello = read_message(self._process.receive(time.monotonic() + START_SECONDS))
        except (ChildGone, BadMessage, TimeoutError) as error:
            raise Unconfined(f"its process did not say what confines it ({type(error).__name__})") from None
        if not isinstance(hello, Hello):
            raise Unconfined("its process said something else than what confines it")
        if hello.through or hello.landlock < 1 or hello.probes < 1:
            reasons = ", ".join(hello.through) or "it made no probes"
            raise Unconfined(f"the kernel or container does not confine its process: {reasons}")
        return hello

    def _send(self, message: dict[str, object], until: float) -> None:
        self._process.send(json.dumps(message).encode(), until)


def _numpy_home() -> str:
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        raise Unconfined("numpy is not installed")
    return str(Path(found.origin).parents[1])
