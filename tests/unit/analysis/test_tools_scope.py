"""A scope narrows what SQL sees, however the SQL is written and however deep scopes are nested."""

from dataclasses import replace

import pytest

from halo_opt.analysis.tools.base import Desk, ToolRefused
from halo_opt.analysis.tools.querying import query
from halo_opt.analysis.tools.scope import EVERYTHING, Scope
from halo_opt.analysis.tools.seen import ids_of, seen_trace

FAILURES = Scope(words="failures", sql="SELECT trace_id FROM attempts WHERE outcome = 'failure'")
_LEFT = "SELECT count(*) FROM attempts"


@pytest.fixture
def desk(real_desk: Desk) -> Desk:
    return real_desk.within(FAILURES)


def failures(desk: Desk) -> int:
    [(count,)] = desk.store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    return int(count)


@pytest.mark.parametrize(
    "sql",
    [
        _LEFT,
        f"{_LEFT};",
        f"{_LEFT}; -- all of them",
        f"{_LEFT} /* all */",
        "SELECT count(*) FROM main.attempts",
        "SELECT count(main.attempts.trace_id) FROM main.attempts",
        "WITH a AS (SELECT * FROM attempts) SELECT count(*) FROM a",
        "WITH attempts AS (SELECT * FROM attempts) SELECT count(*) FROM attempts",
        "WITH attempts AS (SELECT * FROM main.attempts) SELECT count(*) FROM attempts",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT count(*) FROM attempts",
        "FROM attempts SELECT count(*)",
        "(SELECT count(*) FROM attempts)",
        "SELECT count(*) FROM attempts AS in_scope",
        "SELECT count(DISTINCT trace_id) FROM (SELECT trace_id FROM attempts UNION ALL SELECT trace_id FROM steps)",
        "SELECT count(*) FROM (SELECT trace_id FROM spans UNION SELECT trace_id FROM attempts)",
    ],
)
def test_sql_sees_only_the_attempts_of_the_scope(desk: Desk, sql: str) -> None:
    assert query(desk, sql).rows == [(failures(desk),)]


@pytest.mark.parametrize("table", ["attempts", "spans", "steps", "messages", "tool_calls", "scores"])
def test_every_table_with_traces_is_narrowed(desk: Desk, table: str) -> None:
    [(others,)] = query(
        desk, f"SELECT count(*) FROM {table} WHERE trace_id NOT IN (SELECT trace_id FROM attempts)"
    ).rows
    [(inside,)] = query(desk, f"SELECT count(*) FROM {table}").rows
    [(all_rows,)] = query(desk.within(EVERYTHING), f"SELECT count(*) FROM {table}").rows
    assert others == 0
    assert inside < all_rows


def test_the_order_of_the_query_is_kept(desk: Desk) -> None:
    sql = "SELECT trace_id, step FROM steps ORDER BY hash(trace_id), step DESC"
    found = query(desk, sql).rows
    assert found == [
        tuple(row)
        for row in desk.store.rows(
            "SELECT trace_id, step FROM steps JOIN attempts USING (trace_id) WHERE outcome = 'failure'"
            " ORDER BY hash(trace_id), step DESC"
        )
    ]
    assert len(found) > 20


def test_describe_and_repeated_column_names_work_within_a_scope(desk: Desk) -> None:
    assert "trace_id" in [row[0] for row in query(desk, "DESCRIBE attempts").rows]
    both = query(desk, "SELECT a.steps, b.steps FROM attempts AS a JOIN attempts AS b USING (trace_id)")
    assert len(both.columns) == 2


def test_scopes_narrow_each_other(desk: Desk) -> None:
    inner = desk.scope.narrowed("SELECT trace_id FROM main.attempts WHERE steps > 5 -- long ones", "long failures")
    innermost = inner.narrowed("SELECT trace_id AS t, steps FROM attempts ORDER BY steps DESC LIMIT 2;", "the longest")
    expected = desk.store.rows(
        "SELECT trace_id FROM attempts WHERE outcome = 'failure' AND steps > 5 ORDER BY steps DESC LIMIT 2"
    )
    found = query(desk.within(innermost), "SELECT trace_id FROM attempts ORDER BY steps DESC").rows
    assert sorted(found) == sorted(expected)
    assert ids_of(desk, innermost) == sorted(trace for (trace,) in expected)


def test_scopes_of_the_longest_predicates_nest_as_deep_as_agents_do(real_desk: Desk) -> None:
    scope = EVERYTHING
    padding = " AND steps >= 0" * 1_200
    for _ in range(4):
        scope = scope.narrowed(f"SELECT trace_id FROM attempts WHERE outcome = 'failure'{padding}", "long to say")
    desk = real_desk.within(scope)
    assert len(scope.over(_LEFT)) > 60_000
    assert query(desk, _LEFT).rows == [(failures(desk),)]


def test_an_attempt_outside_of_the_scope_is_refused_with_what_there_is(desk: Desk) -> None:
    [(success,)] = desk.store.rows("SELECT trace_id FROM attempts WHERE outcome = 'success' ORDER BY 1 LIMIT 1")
    with pytest.raises(ToolRefused, match=r"not one of yours \(failures\); 'traces' lists those"):
        seen_trace(desk, success)
    assert seen_trace(replace(desk, scope=EVERYTHING), success[:12]) == success


def test_a_scope_whose_sql_may_not_run_reads_nothing(real_desk: Desk) -> None:
    desk = real_desk.within(Scope(words="evil", sql="SELECT getenv('HOME')"))
    with pytest.raises(ToolRefused, match="getenv is not allowed"):
        ids_of(desk, desk.scope)
