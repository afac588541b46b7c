"""Child processes that are spoken to in JSON messages over their standard input and output: the parent's side.

    child = ChildProcess(Path("worker.py"), most_bytes=1 << 20)
    child.send(b'{"question": 1}', until=time.monotonic() + 5)
    answer = json.loads(child.receive(until=time.monotonic() + 60))
    child.kill()

The program is a Python file or module with a function `main(channel)`, where `channel` is a
`halo_common.child_main.Channel`. What a child sends is not trusted: the size of a message is checked before it is read,
and every wait has a deadline, given as a value of `time.monotonic()`.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

from halo_common.child_main import HEADER_BYTES
from halo_common.processes import kill_group_leader

_CHILD_MAIN = Path(__file__).with_name("child_main.py")
_PIECE = 1 << 16


class ChildGone(Exception):
    """The child has closed its end of the pipes, most likely because it has ended."""


class BadMessage(Exception):
    """The child sent something that is not a message of this protocol."""


class Pipes:
    """The parent's ends of the two pipes to a child, by their descriptors."""

    def __init__(self, to_child: int, from_child: int, *, most_bytes: int) -> None:
        """`most_bytes` is the longest message that is taken from the child."""
        self._out, self._in = to_child, from_child
        self._most = most_bytes
        self._buffer = bytearray()
        for number in (to_child, from_child):
            os.set_blocking(number, False)

    def send(self, body: bytes, until: float) -> None:
        """Send one message. Raises TimeoutError when the child has not read it by `until`, or ChildGone."""
        left = memoryview(len(body).to_bytes(HEADER_BYTES, "big") + body)
        while left:
            try:
                left = left[os.write(self._out, left[:_PIECE]) :]
            except BlockingIOError:
                _wait(self._out, select.POLLOUT, until)
            except BrokenPipeError as error:
                raise ChildGone from error

    def receive(self, until: float) -> bytes:
        """The next message. Raises TimeoutError when it is not whole by `until`, ChildGone, or BadMessage."""
        # Asked even when a message is already there: a child that sends without end must not keep its parent past it.
        if time.monotonic() >= until:
            raise TimeoutError
        while (size := self._whole()) is None:
            _wait(self._in, select.POLLIN, until)
            self._fill()
        body = bytes(self._buffer[HEADER_BYTES : HEADER_BYTES + size])
        del self._buffer[: HEADER_BYTES + size]
        return body

    def unread(self) -> bool:
        """Whether something has arrived that was not received yet. Raises ChildGone when the child has ended."""
        if not self._buffer and _ready(self._in, select.POLLIN, 0):
            self._fill()
        return bool(self._buffer)

    def whole(self) -> bool:
        """Whether `receive` needs not wait: a message is here already, or the beginning of one that is too long."""
        try:
            return self._whole() is not None
        except BadMessage:
            return True

    @property
    def source(self) -> int:
        """The descriptor that the child's messages come from."""
        return self._in

    def _whole(self) -> int | None:
        if len(self._buffer) < HEADER_BYTES:
            return None
        size = int.from_bytes(self._buffer[:HEADER_BYTES], "big")
        if size > self._most:
            raise BadMessage(f"a message of {size:,} bytes, where {self._most:,} are allowed")
        return size if len(self._buffer) >= HEADER_BYTES + size else None

    def _fill(self) -> None:
        try:
            piece = os.read(self._in, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            raise ChildGone
        self._buffer += piece


class ChildProcess:
    """A Python program in a child process, with a session of its own: Ctrl-C in a terminal reaches the parent alone.

    It ends when it is killed here, when its input closes and it waits for a message, and when the parent ends.
    """

    def __init__(
        self,
        program: Path | str,
        *,
        most_bytes: int,
        flags: Sequence[str] = (),
        path: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        errors: IO[bytes] | int | None = subprocess.DEVNULL,
        end_with_parent: bool = True,
        starts_processes: bool = False,
    ) -> None:
        """Start it.

        Args:
            program: A Python file, or the name of a module, that has `main(channel)`.
            most_bytes: The longest message that is taken from it.
            flags: Options of the interpreter beside `-P`.
            path: Folders that it imports from after all others.
            env: Its whole environment; None for the parent's.
            errors: Where its standard error goes; None for the parent's.
            end_with_parent: Whether it is killed at once when the parent ends. A program that has to end processes of
                its own first says no, and notices the end of its input.
            starts_processes: Whether it may start processes, which then are killed with it.

        Raises OSError when no process can be started.
        """
        start = {
            "parent": os.getpid(),
            "program": str(program),
            "path": list(path),
            "end_with_parent": end_with_parent,
        }
        command = [sys.executable, "-P", *flags, str(_CHILD_MAIN), json.dumps(start)]

        def spawn() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

        self._process = _starter(os.getpid()).submit(spawn).result()
        self._starts_processes = starts_processes
        assert self._process.stdin is not None and self._process.stdout is not None
        self.pipes = Pipes(self._process.stdin.fileno(), self._process.stdout.fileno(), most_bytes=most_bytes)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, body: bytes, until: float) -> None:
        """Send one message. Raises TimeoutError when the child has not read it by `until`, or ChildGone."""
        self.pipes.send(body, until)

    def receive(self, until: float) -> bytes:
        """The next message. Raises TimeoutError when it is not whole by `until`, ChildGone, or BadMessage."""
        return self.pipes.receive(until)

    def interrupt(self) -> None:
        """Send it SIGINT, which Python raises as KeyboardInterrupt."""
        self._process.send_signal(signal.SIGINT)

    def exit_code(self, timeout: float = 0.0) -> int | None:
        """Its exit status, negative for the signal that ended it; None when it still runs after `timeout` seconds."""
        try:
            return self._process.wait(timeout) if timeout else self._process.poll()
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it, whatever it does, with the processes that it started. Safe to call twice."""
        if self._starts_processes:
            kill_group_leader(self._process)
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()


def readable(children: Iterable[ChildProcess], until: float) -> list[ChildProcess]:
    """The children that have sent something or have ended, as soon as there are any; none when `until` comes first."""
    given = list(children)
    waiting = [child for child in given if child.pipes.whole()]
    if waiting:
        return waiting
    poll = select.poll()
    by_number = {child.pipes.source: child for child in given}
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000)]


def _wait(number: int, event: int, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0 or not _ready(number, event, left):
        raise TimeoutError


def _ready(number: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(number, event)
    return bool(poll.poll(seconds * 1000))


@cache
def _starter(_process: int) -> ThreadPoolExecutor:
    """The thread that starts children: the kernel kills them when the thread that started them ends, and the caller's
    may end at any time. One for each process, as a fork does not copy it."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-starter")
