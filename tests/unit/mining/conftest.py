"""A fresh tiny store for each test of mining."""

from collections.abc import Iterator

import pytest
from mining_fixture import TinyStore


@pytest.fixture
def tiny() -> Iterator[TinyStore]:
    store = TinyStore()
    yield store
    store.close()
