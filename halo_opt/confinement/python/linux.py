"""The Linux backend: a child process confined by Landlock, seccomp, rlimits and dropped privileges.

The child confines itself (`worker`, with `halo_opt.confinement`). This side uses it only after all its probes were
refused, gives it cells, keeps their time, answers their calls and kills it. Its messages are taken to be hostile: each
must have one of three shapes.
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
from halo_opt.confinement.python.cell_result import (
    ERROR_CHARS,
    CellResult,
    ConfinementUnavailable,
    Kind,
    Limits,
    limited,
    variables_lost_error,
)
from halo_opt.confinement.python.host_calls import HostAnswer, HostCalls, HostFunctions

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


class WorkerReady(msgspec.Struct, tag="ready", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The child is confined: Landlock's version, how many probes it made, and what shows that it is not confined."""

    landlock: int
    probes: int
    failures: list[str]


class HostCall(msgspec.Struct, tag="call", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """A cell calls a host function."""

    cell: int
    name: Annotated[str, msgspec.Meta(max_length=200)]
    args: list[Any]
    kwargs: dict[str, Any]


class CellDone(msgspec.Struct, tag="done", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """A cell ended."""

    cell: int
    stdout: str
    stdout_cut: Annotated[int, msgspec.Meta(ge=0)]
    value: str | None
    value_cut: Annotated[int, msgspec.Meta(ge=0)]
    error: str | None


Message = WorkerReady | HostCall | CellDone
_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message, strict=True)


def read_message(body: bytes) -> Message:
    """Decode a message of the child. Raises BadMessage where it has none of the three shapes."""
    try:
        return _DECODER.decode(body)
    # Deep nesting is a RecursionError, and text that is no UTF-8 a UnicodeDecodeError.
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadMessage(f"a message of another shape ({type(error).__name__})") from None


class LinuxBackend:
    """A confined child process, started again when it had to be killed."""

    kind: Kind = "linux"

    def __init__(self, host: HostFunctions, limits: Limits) -> None:
        """Start the child. Raises ConfinementUnavailable when this machine does not confine it."""
        if sys.platform != "linux":
            raise ConfinementUnavailable("this is not Linux")
        self._host = host
        self._limits = limits
        self._number = 0
        self._child: _Child | None = _Child(host, limits)
        self._ready = self._child.ready

    def explain(self) -> str:
        """What confines the cells here, in one paragraph."""
        limits = self._limits
        return (
            "Python of the model runs in a process of its own that Linux confines: Landlock (version "
            f"{self._ready.landlock}) refuses every file, and seccomp every system call but {seccomp.COUNT}, none of "
            "which takes a path or makes a descriptor, thread or process. It has no environment and no capabilities, "
            f"{limits.memory_bytes / 2**30:g} GB of address space, {limits.processor_seconds} s of processor time and "
            f"{limits.seconds:g} s a cell, and ends with halo-opt. {self._ready.probes} attempts to break out were "
            "made after it was confined, and all were refused."
        )

    def run(self, code: str) -> CellResult:
        """Run one cell with the variables of the cells before."""
        if self._child is None:
            self._child = _Child(self._host, self._limits)
        self._number += 1
        calls = HostCalls(self._host, self._limits)
        started = time.monotonic()
        done, error = None, ""
        try:
            done = self._child.run_cell(self._number, code, calls)
        except BadMessage as wrong:
            error = variables_lost_error(f"the cell wrote to the sandbox's own channel ({wrong})", "print with print()")
        except TimeoutError:
            error = variables_lost_error(
                f"the cell did not stop after {self._limits.seconds:g} s and could not be interrupted",
                "do less in one cell and bound every loop",
            )
        except ChildGone:
            error = variables_lost_error(*self._child.ending())
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
            stdout=limited(done.stdout, done.stdout_cut, most),
            value=None if done.value is None else limited(done.value, done.value_cut, most),
            error=None if done.error is None else limited(done.error, 0, most + ERROR_CHARS),
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
    """The child process and the messages with it."""

    def __init__(self, host: HostFunctions, limits: Limits) -> None:
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
            raise ConfinementUnavailable(f"its process did not start ({error.strerror})") from None
        try:
            self.ready = self._confined(sorted(host))
        except BaseException:
            self.kill()
            raise

    def run_cell(self, number: int, code: str, calls: HostCalls) -> CellDone:
        """Give it a cell and answer its calls until it is done. Raises BadMessage, ChildGone, or TimeoutError."""
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
                # Repeated: code may swallow an interrupt, or be where no exception leaves.
                self._process.interrupt()
                until = min(max(until, soft) + _AGAIN, soft + grace)
                continue
            if isinstance(message, WorkerReady) or message.cell != number:
                raise BadMessage("a message of another cell")
            if isinstance(message, CellDone):
                return message
            over = HostAnswer(None, "the cell's time is over")
            answer = calls.answer(message.name, message.args, message.kwargs) if until == soft else over
            reply = f'{{"value": {answer.value or "null"}, "error": {json.dumps(answer.error)}}}'
            self._process.send(reply.encode(), soft + grace + calls.seconds)

    def ending(self) -> tuple[str, str]:
        """Why the child ended by itself, and what to do instead."""
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
        """End the child."""
        self._process.kill()

    def _confined(self, functions: list[str]) -> WorkerReady:
        limits = self._limits
        settings = {
            "package": str(Path(halo_opt.__file__).parents[1]),
            "numpy": _numpy_home(),
            "functions": functions,
            "memory_bytes": limits.memory_bytes,
            "processor_seconds": limits.processor_seconds,
            "seconds": limits.seconds,
            "output_chars": limits.output_chars,
            "message_bytes": limits.message_bytes,
        }
        try:
            self._send(settings, time.monotonic() + START_SECONDS)
            ready = read_message(self._process.receive(time.monotonic() + START_SECONDS))
        except (ChildGone, BadMessage, TimeoutError) as error:
            raise ConfinementUnavailable(
                f"its process did not report that it is confined ({type(error).__name__})"
            ) from None
        if not isinstance(ready, WorkerReady):
            raise ConfinementUnavailable("its process sent another message than that it is confined")
        if ready.failures or ready.landlock < 1 or ready.probes < 1:
            reasons = ", ".join(ready.failures) or "it made no probes"
            raise ConfinementUnavailable(f"the kernel or container does not confine its process: {reasons}")
        return ready

    def _send(self, message: dict[str, object], until: float) -> None:
        self._process.send(json.dumps(message).encode(), until)


def _numpy_home() -> str:
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        raise ConfinementUnavailable("numpy is not installed")
    return str(Path(found.origin).parents[1])
