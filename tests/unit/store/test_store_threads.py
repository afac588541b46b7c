"""A store that several threads ask at once gives each of them the rows of its own question."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import Store, build_store

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("threads") / "s.duckdb"
    build_store([DATA / "tau-bench" / "gpt-4o-airline.jsonl"], made)
    return made


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


def together(work: Callable[[int], None], count: int = 6) -> None:
    """Run the work in threads that begin at the same moment; the first error is raised."""
    ready = threading.Barrier(count)

    def one(number: int) -> None:
        ready.wait()
        work(number)

    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(one, number) for number in range(count)]:
            done.result()


def test_each_thread_gets_the_rows_of_its_own_query(store: Store) -> None:
    def ask(number: int) -> None:
        for _ in range(100):
            assert store.rows(f"SELECT {number} FROM range({50 + number})") == [(number,)] * (50 + number)
            assert store.records(f"SELECT {number} AS n{number}") == [{f"n{number}": number}]
            assert store.columns(f"SELECT 1 AS c{number}") == [f"c{number}"]
            assert store.arrays(f"SELECT {number} AS n FROM range(3)")["n"].tolist() == [number] * 3

    together(ask)


def test_a_temporary_table_stays_with_the_thread_that_made_it(store: Store) -> None:
    def make(number: int) -> None:
        store.rows(f"CREATE TEMP TABLE kept AS SELECT {number} AS n")
        assert store.rows("SELECT n FROM kept") == [(number,)]
        store.rows("DROP TABLE kept")

    together(make)


def test_a_closed_store_answers_in_no_thread_and_lets_the_file_be_written(path: Path) -> None:
    store = Store.open(path)
    started, closed = threading.Event(), threading.Event()

    def late() -> str:
        store.rows("SELECT 1")
        started.set()
        closed.wait()
        with pytest.raises(InputError) as raised:
            store.rows("SELECT 1")
        return str(raised.value)

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(late)
        started.wait()
        store.close()
        # A connection that was left open with other settings would refuse this.
        build_store([DATA / "tau-bench" / "gpt-4o-airline.jsonl"], path)
        closed.set()
        assert "cannot run" in answer.result()
    with pytest.raises(InputError, match="cannot run"):
        store.rows("SELECT 1")
