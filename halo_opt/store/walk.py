"""Walking folders the same way everywhere: in a stable order, past what never holds traces. Opens no file."""

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
