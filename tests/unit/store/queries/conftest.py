"""One store over the samples of tests/data, built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from query_samples import SAMPLES

from halo_opt.store import Store, build_store


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("mixed") / "s.duckdb"
    build_store(SAMPLES, path)
    with Store.open(path) as store:
        yield store
