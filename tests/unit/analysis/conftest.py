"""One store of the traces in the repository and planted ones, and mining's report of it, for this folder."""

from collections.abc import Iterator

import pytest
from tool_contexts import RUNS, context_over, mined, plant

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.report_records import Report
from halo_opt.store import Store, build_store


@pytest.fixture(scope="session")
def real_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("tools")
    plant(folder / "planted.jsonl")
    path = folder / "s.duckdb"
    build_store([*RUNS, folder / "planted.jsonl"], path)
    with Store.open(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def real_report(real_store: Store) -> Report:
    return mined(real_store)


@pytest.fixture
def real_context(real_store: Store, real_report: Report) -> ToolContext:
    return context_over(real_store, real_report)
