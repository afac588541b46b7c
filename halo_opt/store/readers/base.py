"""What a reader is, and what several readers share. No format knowledge, no database.

The contract: `sniff` looks at content, is cheap and never raises for what it finds; `read` hands every attempt to the
sink and every line that it cannot use to `sink.reject`, and raises only for what makes the whole source useless
(SourceError) or unreadable (OSError).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from halo_opt.core.errors import InputError
from halo_opt.store.files.lines import Line, decode_object
from halo_opt.store.files.opening import open_file
from halo_opt.store.sink import Sink

SNIFF_LINES = 50
SNIFF_LINE = 128_000_000
SNIFF_BYTES = 65_536


class SourceError(InputError):
    """A whole source is useless; beside others it is listed, alone it is what the user sees."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class Reader(Protocol):
    """One trace format."""

    name: str
    meaning: str

    def sniff(self, path: Path) -> bool:
        """Whether this path (a file, or a folder where the format is one) is of this format."""
        ...

    def read(self, path: Path, sink: Sink) -> None:
        """Hand all attempts and rejects of the path to the sink."""
        ...


def usable(
    path: Path, lines: Iterable[Line], problem_of: Callable[[dict[str, Any]], str | None], sink: Sink
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of some lines with their numbers; lines without one and records with a problem are rejected."""
    for line in lines:
        record = line.value
        problem = line.reason if record is None else problem_of(record)
        if record is None or problem is not None:
            sink.reject(str(path), line.number, problem or "no record", line.head or str(record))
        else:
            yield line.number, record


def first_objects(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects among the first lines, so that junk before the first good line does not hide a format.

    Ends at a line longer than `SNIFF_LINE`: the one "line" of a binary file may be all of it.
    """
    with open_file(path) as file:
        for _ in range(SNIFF_LINES):
            raw = file.readline(SNIFF_LINE)
            if not raw or len(raw) == SNIFF_LINE:
                return
            value, _ = decode_object(raw)
            if value is not None:
                yield value


def first_bytes(path: Path) -> bytes:
    """How a file begins."""
    with open_file(path) as file:
        return file.read(SNIFF_BYTES)


def whole(path: Path) -> bytes:
    """All bytes of a file that is one document, unpacked."""
    with open_file(path) as file:
        return file.read()


def derived_id(*parts: object) -> str:
    """32 hex digits from what names an attempt: the same input gives the same id on every machine."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]
