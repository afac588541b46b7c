"""One store of the traces in the repository, what a failure there says, and a report of claims, for this folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claims_handed_in import claimed, handed_in, written
from tool_contexts import RUNS

from halo_opt.core.report_records import Report
from halo_opt.store import Store, build_store


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("into") / "s.duckdb"
    build_store(RUNS, made)
    return made


@pytest.fixture(scope="session")
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def quote(store: Store) -> dict[str, Any]:
    """Words of a failure of at least five steps, as they stand there."""
    [(trace, step, words)] = store.rows(
        "SELECT trace_id, step, arguments FROM steps JOIN attempts USING (trace_id) WHERE outcome = 'failure'"
        " AND steps >= 5 AND length(arguments) BETWEEN 21 AND 200 ORDER BY ALL LIMIT 1"
    )
    return {"trace_id": trace, "step": step, "words": words}


@pytest.fixture(scope="session")
def report(store: Store, quote: dict[str, Any]) -> Report:
    """One true claim with a wrong number, and a list of attempts."""
    [(ids,)] = store.rows("SELECT string_agg('''' || trace_id || '''', ', ') FROM attempts WHERE outcome = 'failure'")
    listed = f"SELECT trace_id FROM attempts WHERE steps > 0 AND trace_id IN ({ids})"
    return written(store, handed_in([claimed(quote), claimed(quote, title="These ones", predicate_sql=listed)]))
