"""Listing the files under folders in a stable order, without folders that hold no traces (`SKIPPED_FOLDERS`)."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

# Where no traces are, and where looking would cost much. `.halo_opt` holds the stores themselves.
SKIPPED_FOLDERS = frozenset({".git", ".halo_opt", "__pycache__", "node_modules", ".venv"})


def files_under(folder: Path, *, skip: frozenset[str] = SKIPPED_FOLDERS) -> Iterator[Path]:
    """All plain files under a folder. Links are left out: they could lead elsewhere, or round in a circle."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in skip)
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def files_of(path: Path) -> list[Path]:
    """The files of a source: itself, or all files of a folder."""
    return list(files_under(path)) if path.is_dir() else [path]


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes; of a folder, the hash over its files' relative names and hashes."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    parts = [f"{file.relative_to(path)} {sha256_of(file)}" for file in files_under(path)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
