"""The default path of a store, and a fingerprint of its trace files: names, sizes and times of change."""

import glob
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from halo_opt.core.errors import InputError
from halo_opt.store import schema
from halo_opt.store.files.folders import files_under

STORES = Path(".halo_opt") / "stores"


def default_store_path(inputs: Sequence[Path]) -> Path:
    """`.halo_opt/stores/<hash of the absolute inputs>.duckdb`: beside nothing that the user owns."""
    names = "\n".join(sorted(str(path.resolve()) for path in inputs))
    return STORES / f"{hashlib.sha256(names.encode('utf-8', 'replace')).hexdigest()[:16]}.duckdb"


def fingerprint(inputs: Sequence[Path], options: str = "") -> str:
    """A hash over (path, size, time of change) of all files under the inputs, the options and the schema's version."""
    sha = hashlib.sha256(f"schema {schema.VERSION} {options}\n".encode())
    for path in sorted(path.resolve() for path in inputs):
        for name, size, changed in _stamps(path):
            sha.update(f"{name}\t{size}\t{changed}\n".encode("utf-8", "replace"))
    return sha.hexdigest()


def _stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    for file in files_under(path) if path.is_dir() else [path]:
        yield from _stamp(file)


def _stamp(path: Path) -> Iterator[tuple[str, int, int]]:
    try:
        stat = path.stat()
    except OSError:
        return  # a dangling link or a file that vanished: it is not read either
    yield str(path), stat.st_size, stat.st_mtime_ns


def expanded(inputs: Sequence[Path]) -> list[Path]:
    """The inputs with patterns (`runs/*.jsonl`, `**` too) replaced by what they match now, sorted.

    A path that exists is itself, whatever is in its name. Raises InputError for a pattern that matches nothing.
    """
    found: list[Path] = []
    for path in inputs:
        if path.exists() or not glob.has_magic(str(path)):
            found.append(path)
            continue
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (the pattern may be absolute)
        if not matches:
            raise InputError(f"nothing matches {path}; give a trace file, a folder, or a pattern that fits some")
        found.extend(Path(match) for match in matches)
    return found
