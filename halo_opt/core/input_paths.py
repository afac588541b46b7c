"""Paths that a command is given: what can be read there, and streams (pipes, `-`) copied into files."""

import hashlib
import stat
import sys
import tempfile
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO

from halo_opt.core.errors import InputError
from halo_opt.core.paths import CACHE, CachePaths

STREAM_BYTES = 8 << 30
MISSING = "is not there"
# Where the system shows what a process has open: under another name, or as a file that was deleted since.
_DESCRIPTORS = (("dev",), ("proc",))
_STANDARD_INPUT = (Path("/dev/stdin"), Path("/dev/fd/0"), Path("/proc/self/fd/0"))
_BLOCK = 1 << 20
_SHOWN = 200
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def shown(path: Path) -> str:
    """A path in a message, without the middle of a very long one."""
    text = str(path)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}...{text[-_SHOWN // 2 :]}"


def path_problem(path: Path) -> str | None:
    """Why nothing can be read at a path, such as "does not exist"; None for a file or a folder."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError:
        return "is no path: it holds a NUL character"
    return next((f"is {kind}, not a file or a folder" for test, kind in _KINDS if test(mode)), None)


def as_file(path: Path) -> Path:
    """The path of a file with what a path that the user gave leads to.

    A file, a folder and a path at which nothing is stay as they are. A pipe, and standard input for `-`, are read to
    their end into a file of the cache, named after what was in it, so that the same stream is the same file.

    Raises:
        InputError: for a device, a socket, a terminal, an empty stream, and one of more than `STREAM_BYTES`.
    """
    if str(path) == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("- stands for standard input, which is a terminal; pipe a file into halo-opt, or name it")
        return _copied(sys.stdin.buffer, "standard input", "stdin")
    problem = path_problem(path)
    descriptor = path.parts[:1] == ("/",) and path.parts[1:2] in _DESCRIPTORS
    if problem == MISSING or (problem is None and not descriptor):
        return path
    if problem is None and (path.is_dir() or path_problem(path.resolve()) is None):
        return path.resolve()
    if problem is not None and not _is_pipe(path):
        raise InputError(f"{shown(path)} {problem}; name a file or a folder")
    with path.open("rb", buffering=0) as stream:
        return _copied(stream, str(path), "stdin" if path in _STANDARD_INPUT else "pipe")


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _copy(stream: BinaryIO | FileIO, copy: IO[bytes], said: str) -> str:
    """Copy a stream to its end; the SHA-256 of its bytes."""
    sha = hashlib.sha256()
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > STREAM_BYTES:
            raise InputError(f"{said} is longer than {STREAM_BYTES >> 30} GiB; write it to a file and name the file")
        sha.update(block)
        copy.write(block)
    if size == 0:
        raise InputError(f"{said} was empty; check the command that writes to it")
    return sha.hexdigest()


def _copied(stream: BinaryIO | FileIO, said: str, name: str) -> Path:
    folder = CachePaths(CACHE).streams
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            temporary = Path(copy.name)
            try:
                digest = _copy(stream, copy, said)
            except BaseException:
                temporary.unlink()
                raise
        place = folder / digest[:16] / name
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            temporary.unlink()
        else:
            temporary.replace(place)
    except OSError as error:
        raise InputError(f"{said} cannot be copied to {folder} ({error.strerror}); free some space there") from error
    return place
