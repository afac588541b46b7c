"""The protocol that every reader of a trace format follows, and helpers that several readers share."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """A source of which nothing can be read.

    Among several sources it is listed and the others are read; where it is the only one, its message ends the command.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class Reader(Protocol):
    """A reader of one trace format: recognises its files and turns them into rows.

    An instance stands in `READERS` (in `readers/__init__.py`). No file may be recognised by two readers.

    Failures: `sniff` answers False for content that it does not know, and for broken content. `read` reports a record
    that it cannot use with `sink.reject` and goes on with the next. It raises `SourceError` where nothing of the source
    can be used; an `OSError` of a file that cannot be opened passes through. Nothing else may leave either method.

    Attributes:
        name: what the user writes after `--format`, and what is stored with every run.
        meaning: one line for the list of formats: what such a file looks like.

    Example: a format with a line `{"task": ..., "passed": true}` for each attempt.

        class PassedReader:
            name = "passed"
            meaning = "a line {task, passed} for each attempt"

            def sniff(self, path: Path) -> bool:
                return path.is_file() and any({"task", "passed"} <= record.keys() for record in first_objects(path))

            def read(self, path: Path, sink: Sink) -> None:
                run_id = sink.run_of_file(path)
                sink.run(RunRow(run_id, self.name, None, None, None, None, str(path)))
                for number, record in usable(path, records(path), problem_of, sink):
                    attempt = AttemptRow(derived_id(run_id, number), run_id, str(record["task"]), line=number)
                    passed = bool(record["passed"])
                    sink.trace(Trace(attempt._replace(outcome="success" if passed else "failure", source=str(path))))

    Here `problem_of(record)` returns why a record cannot be used (`missing field task`), or None.
    """

    name: str
    meaning: str

    def sniff(self, path: Path) -> bool:
        """Whether a path is of this format, from its content; reads only the beginning of a file.

        Args:
            path: a file, or a folder where one attempt or run of the format is a folder.
        """
        ...

    def read(self, path: Path, sink: Sink) -> None:
        """Pass every attempt of a path to `sink.trace`, and every record that cannot be used to `sink.reject`.

        Args:
            path: a path that `sniff` recognised, or that the user names with `--format`.
            sink: takes the rows in the order in which they stand in the source.

        Raises:
            SourceError: nothing of the source can be used.
            OSError: a file of it cannot be read.
        """
        ...


class FolderReader(ABC):
    """Base of the readers of formats whose attempts may be spread over several files of one folder."""

    def read(self, path: Path, sink: Sink) -> None:
        """Read a file by itself; see `Reader.read`."""
        self.read_files([path], sink)

    @abstractmethod
    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read files of one folder together, as `Reader.read` reads one.

        Raises:
            SourceError: nothing of a file can be used.
            OSError: a file cannot be read; its `filename` says which.
        """


def usable(
    path: Path, lines: Iterable[Line], problem_of: Callable[[dict[str, Any]], str | None], sink: Sink
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a source that can be used, each with its line number; the others are rejected.

    Args:
        path: the source, named in the rejects.
        lines: its lines; a line that is no JSON object carries the reason instead of a record.
        problem_of: why a record cannot be used, or None.
        sink: takes the rejects.
    """
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
    """The first 64 KiB of a file, unpacked."""
    with open_file(path) as file:
        return file.read(SNIFF_BYTES)


def whole(path: Path) -> bytes:
    """All bytes of a file that is one document, unpacked."""
    with open_file(path) as file:
        return file.read()


def derived_id(*parts: object) -> str:
    """A trace id for formats that have none: 32 hex digits of a hash of the parts, the same on every machine."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]
