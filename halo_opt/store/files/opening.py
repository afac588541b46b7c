"""Opening trace files, plain or packed with gzip or zstd, recognised by their first bytes."""

import gzip
import io
import re
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 20
_COPY = re.compile(r"(?i)(?:[ _.-]*(?:\bcopy|_copy|backup|bak)(?:[ _-]?\d+)?|[ _-]*\(\d+\))$")


class DamagedFile(OSError):
    """A packed file can be read no further; what came before is whole."""

    def __init__(self, error: Exception) -> None:
        super().__init__(None, f"damaged: {error}")


def open_file(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where it is packed. Reading the bad part of an archive raises DamagedFile."""
    file = path.open("rb")
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP):
        return io.BufferedReader(_Unpacked(file, gzip.GzipFile(fileobj=file, mode="rb")))
    if magic == _ZSTD:
        return io.BufferedReader(
            _Unpacked(file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
        )
    return file


def open_seekable(path: Path) -> BinaryIO:
    """As `open_file`, for going back and forth: a packed file is unpacked once into a nameless temporary file.

    Of a damaged archive it holds what comes before the damage.
    """
    file = open_file(path)
    if file.seekable():
        return file
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  (the caller closes it)
    with file:
        try:
            while block := file.read1(_BLOCK):  # type: ignore[attr-defined]
                copy.write(block)
        except DamagedFile:
            pass  # who reads it line by line says so
        except BaseException:
            copy.close()
            raise
    copy.seek(0)
    return copy


class OpenFiles:
    """Files that are read at places here and there; the last few stay open. Use it as a context manager."""

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._open: dict[Path, BinaryIO] = {}
        self._packed: dict[Path, bool] = {}

    def line(self, path: Path, offset: int) -> bytes:
        """The line that begins at an offset of the file, unpacked where it is packed."""
        file = self._open.pop(path, None)
        if file is None:
            while len(self._open) >= self._most:
                self._open.pop(next(iter(self._open))).close()
            file = open_seekable(path)
        self._open[path] = file
        file.seek(offset)
        return file.readline()

    def is_packed(self, path: Path) -> bool:
        """Whether the file is compressed."""
        if path not in self._packed:
            self._packed[path] = is_packed(path)
        return self._packed[path]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()


def is_packed(path: Path) -> bool:
    """Whether the file is compressed, so that a place in its text is not a place in the file."""
    with path.open("rb") as file:
        magic = file.read(4)
    return magic.startswith(_GZIP) or magic == _ZSTD


def stem(path: Path) -> str:
    """The file's name without its packing and format: `runs` of `runs.jsonl.gz`."""
    name = path.name
    for suffix in (".gz", ".zst"):
        name = name.removesuffix(suffix)
    return Path(name).stem


def original_stem(path: Path) -> str:
    """The stem of the file that a file is a copy of, by the words that people and programs add to a copy's name."""
    return _COPY.sub("", stem(path)) or stem(path)


class _Unpacked(io.RawIOBase):
    """A packed stream whose errors are OSError, as those of every other file are."""

    def __init__(self, file: BinaryIO, stream: Any) -> None:
        self._file = file
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        room = memoryview(buffer)
        try:
            data = self._stream.read1(len(room))  # `read` loses what it had unpacked before it met the damage
        except (zstandard.ZstdError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedFile(error) from error
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        self._file.close()
        super().close()
