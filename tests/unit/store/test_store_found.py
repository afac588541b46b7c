"""Files that `make fuzz` found, and readers once failed on: each is imported, or refused in words."""

from contextlib import suppress
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import build_store

FOUND = sorted((Path(__file__).parents[2] / "found").iterdir())


@pytest.mark.parametrize("folder", FOUND, ids=[folder.name for folder in FOUND])
def test_found_file_stops_no_import(tmp_path, folder):
    with suppress(InputError):
        build_store([folder], tmp_path / "s.duckdb")
