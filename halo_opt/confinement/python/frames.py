"""Messages between host and child over two pipes: a length of 4 bytes, then that much JSON.

What the child sends is hostile: each message has a strict schema, a size that is checked before it is read, and a
time by which it must be whole. Never blocks past that time, in either direction, and never recovers from nonsense.
"""

import os
import select
import time
from typing import Annotated, Any

import msgspec

_PIECE = 1 << 16
_HEAD = 4


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


class Gone(Exception):
    """The child closed its end."""


class Nonsense(Exception):
    """The child sent something that the worker never sends."""


class Wire:
    """The host's ends of the two pipes."""

    def __init__(self, to_child: int, from_child: int, *, most: int) -> None:
        self._out, self._in = to_child, from_child
        self._most = most
        self._buffer = bytearray()
        for number in (to_child, from_child):
            os.set_blocking(number, False)

    def send(self, body: bytes, until: float) -> None:
        """Send one message; raises TimeoutError when the child did not read it by then (time.monotonic), or Gone."""
        left = memoryview(len(body).to_bytes(_HEAD, "big") + body)
        while left:
            try:
                left = left[os.write(self._out, left[:_PIECE]) :]
            except BlockingIOError:
                _wait(self._out, select.POLLOUT, until)
            except BrokenPipeError as error:
                raise Gone from error

    def receive(self, until: float) -> Message:
        """The next message; raises TimeoutError when it is not whole by then, Gone, or Nonsense."""
        # Asked even when a message is already there: a child that sends without end must not keep the host past it.
        if time.monotonic() >= until:
            raise TimeoutError
        while (size := self._whole()) is None:
            _wait(self._in, select.POLLIN, until)
            self._fill()
        body = bytes(self._buffer[_HEAD : _HEAD + size])
        del self._buffer[: _HEAD + size]
        try:
            return _DECODER.decode(body)
        # Deep nesting is a RecursionError, and text that is no UTF-8 a UnicodeDecodeError.
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise Nonsense(f"a message of another shape ({type(error).__name__})") from None

    def stale(self) -> bool:
        """Whether something arrived that nobody asked for; raises Gone when the child has ended."""
        if not self._buffer and _ready(self._in, select.POLLIN, 0):
            self._fill()
        return bool(self._buffer)

    def _whole(self) -> int | None:
        if len(self._buffer) < _HEAD:
            return None
        size = int.from_bytes(self._buffer[:_HEAD], "big")
        if size > self._most:
            raise Nonsense(f"a message of {size:,} bytes, where {self._most:,} are allowed")
        return size if len(self._buffer) >= _HEAD + size else None

    def _fill(self) -> None:
        try:
            piece = os.read(self._in, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            raise Gone
        self._buffer += piece


def _wait(number: int, event: int, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0 or not _ready(number, event, left):
        raise TimeoutError


def _ready(number: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(number, event)
    return bool(poll.poll(seconds * 1000))
