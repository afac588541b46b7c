"""One small store for all tests of the engine."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from engine_world import World, mined, small_store

from halo_opt.core.report_records import Report
from halo_opt.llm.model import Model
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import GuardedRows

Made = Callable[..., World]


@pytest.fixture(scope="session")
def engine_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(small_store(tmp_path_factory.mktemp("engine"))) as store:
        yield store


@pytest.fixture(scope="session")
def engine_report(engine_store: Store) -> Report:
    return mined(engine_store)


@pytest.fixture(scope="session")
def engine_rows(engine_store: Store) -> GuardedRows:
    return GuardedRows(engine_store)


@pytest.fixture
def world(engine_store: Store, engine_report: Report, engine_rows: GuardedRows) -> Made:
    def make(scripts: Mapping[Any, Model] | Model, **changes: Any) -> World:
        roles = scripts if isinstance(scripts, Mapping) else {"root": scripts}
        return World(engine_store, engine_report, roles, guarded=engine_rows, **changes)

    return make
