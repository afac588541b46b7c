"""docs/store.md is in step with the code, and what it says to type works."""

import re
import runpy
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store, guarded_query
from halo_opt.store.readers import READERS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def test_page_says_what_schema_and_readers_say():
    script = runpy.run_path(str(ROOT / "scripts" / "docs_pages.py"))
    assert script["renewed"]("store.md", TEXT) == TEXT, "run: python scripts/docs_pages.py"
    assert all(f"| `{reader.name}` |" in TEXT for reader in READERS)


def test_marks_that_are_gone_are_named():
    script = runpy.run_path(str(ROOT / "scripts" / "docs_pages.py"))
    with pytest.raises(SystemExit, match="lacks the marks <!-- generated: tables -->"):
        script["renewed"]("store.md", TEXT.replace("<!-- end: tables -->", ""))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "s.duckdb"
    build_store([ROOT / "tests" / "data"], path)
    with Store.open(path) as opened:
        yield opened


def test_there_are_ten_examples():
    assert len(QUERIES) == 10


@pytest.mark.parametrize("query", QUERIES)
def test_every_example_runs_guarded_and_finds_something(store, query):
    assert guarded_query(store, query).rows
