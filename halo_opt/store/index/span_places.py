"""Reading spans and their lines back from the places in trace files that the index keeps."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from halo_opt.store.files.lines import decode_counting, decode_object
from halo_opt.store.readers.span_lines import Span, problem_of, span_of


class SpanLines:
    """Spans read back from their places; keeps the last file open, so read in the order of files."""

    def __init__(self, *, count_duplicate_keys: bool = False) -> None:
        self._name: str | None = None
        self._file: BinaryIO | None = None
        self._count = count_duplicate_keys
        self.duplicate_keys = 0

    def read(self, source: str, line: int, offset: int, length: int | None = None) -> Span | None:
        """The span at a place; None when the file is gone or holds something else there now.

        `length` is that of the line, where it is known: no more is read then.
        """
        raw = self.raw(source, offset, length)
        if raw is None:
            return None
        try:
            record, again = decode_counting(raw) if self._count else (msgspec.json.decode(raw), 0)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            record, _ = decode_object(raw)
            again = 0
        if not isinstance(record, dict) or problem_of(record) is not None:
            return None
        self.duplicate_keys += again
        return span_of(record, source, line, byte_offset=offset, byte_length=len(raw))

    def raw(self, source: str, offset: int, length: int | None = None) -> bytes | None:
        """The line at a place, whatever it holds, without its end; None when the file is gone."""
        if source != self._name:
            self.close()
            self._name = source
            with suppress(OSError):
                self._file = Path(source).open("rb")  # noqa: SIM115 (kept open over many calls)
        if self._file is None:
            return None
        if length is not None:
            return os.pread(self._file.fileno(), length, offset)
        self._file.seek(offset)
        return self._file.readline().rstrip(b"\r\n")

    def close(self) -> None:
        """Close the open file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "SpanLines":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
