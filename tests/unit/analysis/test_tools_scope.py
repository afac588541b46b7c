"""A scope narrows what SQL sees, however the SQL is written and however deep scopes are nested."""

from dataclasses import replace

import pytest

from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.querying import full_trace_id, query, scope_ids
from halo_opt.analysis.tools.scope import EVERYTHING, Scope

FAILURES = Scope(words="failures", sql="SELECT trace_id FROM attempts WHERE outcome = 'failure'")
_LEFT = "SELECT count(*) FROM attempts"


@pytest.fixture
def context(real_context: ToolContext) -> ToolContext:
    return real_context.within(FAILURES)


def failures(context: ToolContext) -> int:
    [(count,)] = context.store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
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
def test_sql_sees_only_the_attempts_of_the_scope(context: ToolContext, sql: str) -> None:
    assert query(context, sql).rows == [(failures(context),)]


@pytest.mark.parametrize("table", ["attempts", "spans", "steps", "messages", "tool_calls", "scores"])
def test_every_table_with_traces_is_narrowed(context: ToolContext, table: str) -> None:
    [(others,)] = query(
        context, f"SELECT count(*) FROM {table} WHERE trace_id NOT IN (SELECT trace_id FROM attempts)"
    ).rows
    [(inside,)] = query(context, f"SELECT count(*) FROM {table}").rows
    [(all_rows,)] = query(context.within(EVERYTHING), f"SELECT count(*) FROM {table}").rows
    assert others == 0
    assert inside < all_rows


def test_the_order_of_the_query_is_kept(context: ToolContext) -> None:
    sql = "SELECT trace_id, step FROM steps ORDER BY hash(trace_id), step DESC"
    found = query(context, sql).rows
    assert found == [
        tuple(row)
        for row in context.store.rows(
            "SELECT trace_id, step FROM steps JOIN attempts USING (trace_id) WHERE outcome = 'failure'"
            " ORDER BY hash(trace_id), step DESC"
        )
    ]
    assert len(found) > 20


def test_describe_and_repeated_column_names_work_within_a_scope(context: ToolContext) -> None:
    assert "trace_id" in [row[0] for row in query(context, "DESCRIBE attempts").rows]
    both = query(context, "SELECT a.steps, b.steps FROM attempts AS a JOIN attempts AS b USING (trace_id)")
    assert len(both.columns) == 2


def test_scopes_narrow_each_other(context: ToolContext) -> None:
    inner = context.scope.narrowed("SELECT trace_id FROM main.attempts WHERE steps > 5 -- long ones", "long failures")
    innermost = inner.narrowed("SELECT trace_id AS t, steps FROM attempts ORDER BY steps DESC LIMIT 2;", "the longest")
    expected = context.store.rows(
        "SELECT trace_id FROM attempts WHERE outcome = 'failure' AND steps > 5 ORDER BY steps DESC LIMIT 2"
    )
    found = query(context.within(innermost), "SELECT trace_id FROM attempts ORDER BY steps DESC").rows
    assert sorted(found) == sorted(expected)
    assert scope_ids(context, innermost) == sorted(trace for (trace,) in expected)


def test_scopes_of_the_longest_predicates_nest_as_deep_as_agents_do(real_context: ToolContext) -> None:
    scope = EVERYTHING
    padding = " AND steps >= 0" * 1_200
    for _ in range(4):
        scope = scope.narrowed(f"SELECT trace_id FROM attempts WHERE outcome = 'failure'{padding}", "long to say")
    context = real_context.within(scope)
    assert len(scope.over(_LEFT)) > 60_000
    assert query(context, _LEFT).rows == [(failures(context),)]


def test_an_attempt_outside_of_the_scope_is_refused_with_what_there_is(context: ToolContext) -> None:
    [(success,)] = context.store.rows("SELECT trace_id FROM attempts WHERE outcome = 'success' ORDER BY 1 LIMIT 1")
    with pytest.raises(ToolRefused, match=r"not one of yours \(failures\); 'traces' lists those"):
        full_trace_id(context, success)
    assert full_trace_id(replace(context, scope=EVERYTHING), success[:12]) == success


def test_a_scope_whose_sql_may_not_run_reads_nothing(real_context: ToolContext) -> None:
    context = real_context.within(Scope(words="evil", sql="SELECT getenv('HOME')"))
    with pytest.raises(ToolRefused, match="getenv is not allowed"):
        scope_ids(context, context.scope)
