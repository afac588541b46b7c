"""The journal: an append-only file of events, flushed to disk one by one, from which a run can be resumed.

A record is one line: JSON with a CRC over the rest. A last line without its newline was being written when the process
died, and is cut off. Any other line whose CRC is wrong means that the file was changed: the journal is refused, because
going on from it could pay twice or keep the wrong patch.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from halo_opt.core.errors import InputError


class Event(NamedTuple):
    """One thing that happened: its number from 0, its time (ISO, UTC), its kind and its data."""

    number: int
    at: str
    kind: str
    data: dict[str, Any]


def _crc(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8')):08x}"


def encode(event: Event) -> bytes:
    """An event as one terminated line."""
    body = json.dumps(event._asdict(), ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return f'{{"crc":"{_crc(body)}","event":{body}}}\n'.encode()


# What can be done about a damaged journal: by a verb that only reads it, and by one that would resume from it.
_TO_READ = "restore it, or name another"
_TO_RESUME = "restore it, name another, or begin anew with --fresh, which keeps the old one"


def decode(line: bytes, *, where: str, remedy: str = _TO_READ) -> Event:
    """The event of one line without its newline; InputError names the place when its checksum is wrong."""
    try:
        text = line.decode("utf-8")
        record = json.loads(text)
        body = text[len('{"crc":"00000000","event":') : -1]
        if record["crc"] != _crc(body):
            raise ValueError("checksum differs")
        return Event(**record["event"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{where} does not check out: the file is damaged, or no journal of halo-opt; {remedy}"
        ) from None


def read_events(path: Path, *, remedy: str = _TO_READ) -> list[Event]:
    """All whole events of a journal; a missing file has none.

    Raises InputError, which ends in `remedy`, for a damaged one.
    """
    if not path.exists():
        return []
    *lines, _tail = path.read_bytes().split(b"\n")
    return [decode(line, where=f"{path} line {number}", remedy=remedy) for number, line in enumerate(lines, 1)]


class Journal:
    """An open journal: one process at a time, held by a lock on the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise InputError(
                f"the journal {path} cannot be written ({error.strerror}); choose a folder that is writable"
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise InputError(f"{path} is in use by another halo-opt process; wait until it ends, or stop it") from None
        try:
            self._cut_tail()
            self.events = read_events(path, remedy=_TO_RESUME)
        except BaseException:
            os.close(self._fd)
            raise
        self._done = {
            str(event.data["key"]): event.data["value"] for event in self.events if event.kind == "phase_finished"
        }

    def _cut_tail(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.ftruncate(self._fd, whole)

    def append(self, kind: str, **data: Any) -> Event:
        """Write one event so that it survives a crash from here on."""
        event = Event(len(self.events), datetime.now(UTC).isoformat(timespec="milliseconds"), kind, data)
        self._write(encode(event))
        self.events.append(event)
        return event

    def _write(self, line: bytes) -> None:
        size = os.fstat(self._fd).st_size
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError("the disk took only part of an event")
            os.fsync(self._fd)
        except OSError:
            # Half a line would be completed by the next append into a terminated bad record, which is refused.
            os.ftruncate(self._fd, size)
            raise

    def done(self, key: str) -> bool:
        """Whether the phase of this key has finished."""
        return key in self._done

    def once(self, key: str, work: Callable[[], Any]) -> Any:
        """The recorded result of a phase, else that of calling `work` now, which returns JSON data."""
        if key in self._done:
            return self._done[key]
        self.append("phase_started", key=key)
        value = work()
        self.append("phase_finished", key=key, value=value)
        self._done[key] = value
        return value

    def close(self) -> None:
        """Release the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
