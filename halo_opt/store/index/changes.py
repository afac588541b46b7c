"""What has happened to trace files since a store was built. Reads names, sizes, a few kilobytes; writes nothing."""

import hashlib
import json
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from halo_opt.store.index.location import fingerprint

Change = Literal["new", "same", "grown", "rewritten"]
# How much of a grown file's beginning and of what was read last is compared to tell growing from rewriting.
_HEAD, _TAIL = 65_536, 4_096


class Known(NamedTuple):
    """A source as the store has it: its stamp, and how far it was read where only what is new is read."""

    path: str
    format: str
    stamp: str
    read_bytes: int | None
    read_lines: int | None
    counts: dict[str, int]


def stamp_of(path: Path, read_bytes: int | None) -> str:
    """What a later import needs to notice a change: of a folder its files' sizes and times, of a file parts as well."""
    if read_bytes is None:
        return fingerprint([path])
    stat = path.stat()
    return json.dumps([stat.st_size, stat.st_mtime_ns, _digest(path, read_bytes)])


def change_of(known: Known | None, path: Path, format_name: str) -> Change:
    """Whether a source is new, as it was, longer, or another one than the store knows."""
    if known is None:
        return "new"
    if known.format != format_name:
        return "rewritten"
    if known.read_bytes is None:
        return "same" if stamp_of(path, None) == known.stamp else "rewritten"
    size, changed, digest = json.loads(known.stamp)
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (size, changed):
        return "same"
    if stat.st_size < known.read_bytes or _digest(path, known.read_bytes) != digest:
        return "rewritten"
    return "grown"


def _digest(path: Path, read_bytes: int) -> str:
    with path.open("rb") as file:
        parts = _part(file, 0, min(_HEAD, read_bytes)) + _part(file, max(0, read_bytes - _TAIL), read_bytes)
    return hashlib.sha256(parts).hexdigest()


def _part(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
