"""Writing an export into a temporary file or folder, which is renamed when it is complete."""

import gzip
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from halo_opt.core.errors import InputError


def check_place(out: Path, *, force: bool, folder: bool = False) -> None:
    """Raise InputError when nothing may be written to this place."""
    if out.is_symlink() or (out.exists() and out.is_dir() is not folder):
        raise InputError(f"{out} is {_kind(out)}; name {'a new folder' if folder else 'a file'} with --out")
    if not out.exists():
        return
    if not force:
        raise InputError(f"{out} is there already; name another place with --out, or replace it with --force")
    if folder and (foreign := [path.name for path in sorted(out.iterdir()) if path.suffix != ".parquet"]):
        raise InputError(f"{out} holds more than an export ({foreign[0]}), so it is not replaced; name another folder")


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "a link"
    return "a folder" if path.is_dir() else "a file"


@contextmanager
def written(out: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the body ends well. Raises InputError when it cannot be written."""
    beside = out.with_name(f"{out.name}.{os.getpid()}.new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as plain:
            with _packed(plain, out.suffix) as file:
                yield file
            plain.flush()
            os.fsync(plain.fileno())
        beside.replace(out)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror or error}); name another place with --out"
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()


@contextmanager
def written_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the body ends well; an export that has the name is removed then."""
    beside = out.with_name(f"{out.name}.{os.getpid()}.new")
    before = out.with_name(f"{out.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if out.exists():
            out.rename(before)
        try:
            beside.rename(out)
        except OSError:
            if before.exists():
                before.rename(out)
            raise
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror or error}); name another place with --out"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


@contextmanager
def _packed(plain: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    """A file that compresses what is written to it, where the name asks for it; equal content gives equal bytes."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as file:
            yield cast(BinaryIO, file)
    elif suffix == ".zst":
        stream = zstandard.ZstdCompressor().stream_writer(plain, closefd=False)
        with io.BufferedWriter(cast(io.RawIOBase, stream)) as buffered:
            yield cast(BinaryIO, buffered)
    else:
        yield plain
