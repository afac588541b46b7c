"""Names in guarded SQL: a CTE makes its name readable where SQL makes it visible, and nowhere else."""

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import schema
from halo_opt.store.guarded.sql_tree import figure_in_sql
from halo_opt.store.guarded.worker import RefusedSql, check, known_functions

CASE = Path(__file__).parents[2] / "data" / "cases" / "sql-cte-scope" / "q.sql"
# What DuckDB finds in its catalog, or in a file, when no CTE has the name.
SYSTEM = ["pg_settings", "duckdb_databases", "sqlite_master", "duckdb_logs", '"/tmp/secret.csv"', "pg_tables"]


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        connection.execute(schema.ddl())
        yield connection


def allowed(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    [text] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    try:
        check(json.loads(text), set(schema.BY_NAME), known_functions(connection))
    except RefusedSql as error:
        assert "there is no table" in str(error) or "is not a plain table" in str(error), sql
        return False
    return True


OUTSIDE = [
    CASE.read_text(),
    "SELECT * FROM (WITH {x} AS (SELECT 1 a) SELECT * FROM {x}) b, {x}",
    "SELECT * FROM {x}, (WITH {x} AS (SELECT 1 a) SELECT * FROM {x}) b",
    "WITH {x} AS (SELECT * FROM {x}) SELECT * FROM {x}",
    "WITH RECURSIVE {x} AS (SELECT * FROM {x}) SELECT * FROM {x}",
    "WITH RECURSIVE {x} AS (SELECT 1 a FROM {x} UNION ALL SELECT 1 FROM {x} WHERE false) SELECT * FROM {x}",
    "WITH a AS (SELECT * FROM {x}), {x} AS (SELECT 1 q) SELECT * FROM a",
    "WITH a AS (WITH {x} AS (SELECT 1 q) SELECT * FROM {x}) SELECT * FROM {x}",
    "WITH a AS (WITH {x} AS (SELECT 1 q) SELECT * FROM {x}), b AS (SELECT * FROM {x}) SELECT * FROM b",
    "(WITH {x} AS (SELECT 1 q) SELECT * FROM {x}) UNION ALL SELECT 1 FROM {x}",
    "SELECT 1 FROM {x} UNION ALL (WITH {x} AS (SELECT 1 q) SELECT * FROM {x})",
    "SELECT (WITH {x} AS (SELECT 1 q) SELECT q FROM {x}), (SELECT count(*) FROM {x})",
    "SELECT * FROM attempts, LATERAL (WITH {x} AS (SELECT 1 q) SELECT q FROM {x}) t, LATERAL (SELECT * FROM {x}) u",
    "SELECT * FROM (WITH {x} AS (SELECT 1 q) FROM {x}) a POSITIONAL JOIN {x}",
    "SELECT * FROM attempts WHERE seed IN (WITH {x} AS (SELECT 1 q) FROM {x}) AND EXISTS (FROM {x})",
    "FROM {x} PIVOT (count(*) FOR name IN ('a')) WHERE 1 IN (WITH {x} AS (SELECT 1 q) FROM {x})",
    "FROM (SUMMARIZE {x}) WHERE 1 IN (WITH {x} AS (SELECT 1 q) FROM {x})",
    "FROM (DESCRIBE {x}) WHERE 1 IN (WITH {x} AS (SELECT 1 q) FROM {x})",
    "WITH {x} AS (SELECT 1 q) SELECT * FROM main.{x}",
    "WITH {x} AS (SELECT 1 q) SELECT * FROM pg_catalog.{x}",
    "SELECT * FROM attempts AS {x}, {x}",
    "SELECT seed AS x FROM attempts ORDER BY (WITH {x} AS (SELECT 1 q) SELECT q FROM {x}), (SELECT 1 FROM {x} LIMIT 1)",
]


@pytest.mark.parametrize("name", SYSTEM)
@pytest.mark.parametrize("sql", OUTSIDE)
def test_a_name_is_refused_where_no_cte_of_that_name_is_visible(database, sql, name):
    assert not allowed(database, sql.replace("{x}", name))


@pytest.mark.parametrize(
    "sql",
    [
        "WITH {x} AS (SELECT 1 q) SELECT * FROM {x}",
        "WITH {x} AS (SELECT 1 q), b AS (SELECT * FROM {x}) SELECT * FROM b",
        "WITH {x} AS MATERIALIZED (SELECT 1 q) SELECT (SELECT q FROM {x}) FROM attempts",
        "WITH {x} AS (SELECT 1 q) (SELECT * FROM {x} UNION SELECT * FROM {x}) ORDER BY (SELECT q FROM {x})",
        "WITH {x} AS (SELECT 1 q) SELECT * FROM attempts, LATERAL (SELECT * FROM {x} WHERE q = seed) t",
        "WITH RECURSIVE {x} AS (SELECT 1 q UNION ALL SELECT q + 1 FROM {x} WHERE q < 3) SELECT * FROM {x}",
        "WITH {x} AS (SELECT 1 q) FROM {x} PIVOT (count(*) FOR q IN (1))",
        "WITH {x} AS (SELECT 1 q) SELECT * FROM {x} a POSITIONAL JOIN {x} b",
        "WITH {x} AS (SELECT 1 q) SELECT * FROM (WITH {x} AS (SELECT q + 1 FROM {x}) SELECT * FROM {x})",
        "WITH attempts AS (SELECT * FROM attempts) SELECT * FROM attempts",
    ],
)
@pytest.mark.parametrize("name", SYSTEM)
def test_a_name_is_read_where_a_cte_of_that_name_is_visible(database, sql, name):
    sql = sql.replace("{x}", name)
    assert allowed(database, sql)
    database.execute(sql).fetchall()


def test_a_cte_is_found_whatever_the_case_of_its_letters(database):
    assert allowed(database, "WITH Pg_Settings AS (SELECT 1 q) SELECT * FROM PG_SETTINGS")


def test_a_letter_that_only_looks_the_same_makes_another_name(database):
    # Python's lower() makes k of the Kelvin sign; DuckDB does not.
    assert not allowed(database, 'WITH "duc\u212adb_databases" AS (SELECT 1) SELECT * FROM duckdb_databases')


NAMES = ["pg_settings", "sqlite_master", "attempts", "runs"]
# The same names for DuckDB, as none that it has in its catalog.
UNKNOWN = {"pg_settings": "unknown_one", "sqlite_master": "unknown_two"}


def queries(depth: int) -> st.SearchStrategy[str]:
    """Random SELECTs in which names are defined and read at every level."""
    name = st.sampled_from(NAMES)
    plain = name.map("SELECT 1 AS q FROM {}".format)
    if depth == 0:
        return plain
    inner = queries(depth - 1)

    def with_ctes(parts: tuple[list[tuple[str, str]], str]) -> str:
        ctes = dict(parts[0])
        listed = ", ".join(f"{defined} AS ({sql})" for defined, sql in ctes.items())
        # DuckDB looks into a CTE only where it is read.
        return f"WITH {listed} SELECT 1 AS q FROM ({parts[1]}) AS t, {', '.join(ctes)}"

    def recursive(parts: tuple[str, str, str, str]) -> str:
        defined, base, again, body = parts
        return f"WITH RECURSIVE {defined} AS (({base}) UNION ALL ({again})) SELECT 1 AS q FROM ({body}) AS t, {defined}"

    return st.one_of(
        plain,
        st.tuples(st.lists(st.tuples(name, inner), min_size=1, max_size=3), inner).map(with_ctes),
        st.tuples(name, inner, inner, inner).map(recursive),
        st.tuples(name, inner).map(lambda p: f"SELECT 1 AS q FROM ({p[1]}) AS t, {p[0]}"),
        st.tuples(name, inner).map(lambda p: f"SELECT 1 AS q FROM {p[0]}, LATERAL ({p[1]}) AS t"),
        st.tuples(name, inner).map(lambda p: f"SELECT ({p[1]} LIMIT 1) AS q FROM {p[0]}"),
        st.tuples(name, inner).map(lambda p: f"SELECT 1 AS q FROM {p[0]} WHERE 1 IN ({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) EXCEPT ({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"SELECT 1 AS q FROM ({p[0]}) AS t POSITIONAL JOIN ({p[1]}) AS u"),
    )


@examples(everyday=300, fresh=2_000)
@given(sql=queries(3))
def test_random_nestings_are_refused_exactly_where_duckdb_finds_no_cte(database, sql):
    shown = sql
    for name, unknown in UNKNOWN.items():
        shown = shown.replace(name, unknown)
    outside = database.get_table_names(shown) - set(schema.BY_NAME)
    assert allowed(database, sql) == (not outside)


def test_a_number_looks_at_a_table_only_where_no_cte_hides_it():
    assert figure_in_sql("WITH attempts AS (SELECT 1 q) SELECT count(*) FROM attempts") == "its SQL looks at no table"


def test_a_number_of_a_table_is_one_even_if_a_cte_elsewhere_has_that_name():
    sql = (
        "SELECT count(*) FROM attempts WHERE seed IN (WITH attempts AS (SELECT seed FROM runs) SELECT * FROM attempts)"
    )
    assert figure_in_sql(sql) is None
