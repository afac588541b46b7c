"""The step at which a model's predicate says that a behaviour is shown."""

import duckdb
import pytest

from halo_opt.analysis.claims.hypotheses import behaviour_sql
from halo_opt.store import schema


@pytest.mark.parametrize(
    ("predicate", "rows"),
    [
        ("SELECT trace_id, step FROM steps WHERE tool = 'x'", [("a", True, 1), ("b", False, None)]),
        ("SELECT trace_id FROM steps WHERE tool = 'x'", [("a", True, None), ("b", False, None)]),
        ("SELECT trace_id, tool AS step FROM steps WHERE tool = 'y'", [("a", False, None), ("b", True, None)]),
        ("SELECT trace_id FROM steps GROUP BY trace_id HAVING count(*) > 1", [("a", True, None), ("b", False, None)]),
        ("WITH s AS (FROM steps) SELECT trace_id, step FROM s ORDER BY step;", [("a", True, 1), ("b", True, 0)]),
    ],
)
def test_the_lowest_step_of_a_predicate_is_taken_where_it_gives_one(
    predicate: str, rows: list[tuple[str, bool, int | None]]
) -> None:
    with duckdb.connect() as connection:
        connection.execute(schema.ddl())
        connection.execute("INSERT INTO attempts (trace_id, outcome) VALUES ('a', 'failure'), ('b', 'success')")
        connection.execute(
            "INSERT INTO steps (trace_id, step, tool) VALUES ('a', 3, 'x'), ('a', 1, 'x'), ('b', 0, 'y')"
        )
        assert sorted(connection.execute(behaviour_sql(predicate)).fetchall()) == rows
