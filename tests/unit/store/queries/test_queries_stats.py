"""Counts against how attempts end."""

import pytest
from query_samples import root, stored, tool, trace

from halo_opt.core.errors import InputError
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.first_actions import first_actions
from halo_opt.store.queries.ngrams import ngrams
from halo_opt.store.queries.quantiles import cost, latency
from halo_opt.store.queries.repeats import repeats
from halo_opt.store.queries.steps import steps_histogram


@pytest.fixture
def some(tmp_path):
    spans = [
        *trace("a1", 1.0, "look", "buy", "pay"),
        *trace("a2", 1.0, "look", "buy"),
        *trace("a3", 0.0, "buy", "look", "buy"),
        *trace("a4", 0.0, "look", "look"),
        *trace("a5", None, "look", "buy"),
        root("a6", 0.0),
    ]
    with stored(tmp_path, spans) as store:
        yield store


def test_first_actions_are_counted_against_outcomes(some):
    found = {one.tool: one.outcomes for one in first_actions(some).actions}
    assert set(found) == {"look", "buy", None}
    assert (found["look"].attempts, found["look"].success, found["look"].failure, found["look"].unknown) == (4, 2, 1, 1)
    assert found["look"].rate == pytest.approx(2 / 3)
    assert found[None].attempts == 1
    limited = first_actions(some, limit=1)
    assert (limited.more_actions, limited.more_attempts) == (2, 2)
    assert "(no action)" in first_actions(some).render().text


def test_first_is_by_time_and_else_by_place_in_the_file(tmp_path):
    late_first = [root("t1", 1.0), tool("t1", 5, "late"), tool("t1", 2, "early")]
    untimed = [root("t2", 1.0), tool("t2", 9, "one", start_time=None), tool("t2", 3, "two", start_time=None)]
    with stored(tmp_path, [*late_first, *untimed]) as store:
        assert {one.tool for one in first_actions(store).actions} == {"early", "one"}


def test_made_up_spans_keep_the_order_of_their_calls(mixed):
    by_position = mixed.rows("SELECT trace_id, tool FROM tool_calls WHERE position = 0 ORDER BY 1")
    counted = {one.tool: one.outcomes.attempts for one in first_actions(mixed).actions if one.tool}
    expected: dict[str, int] = {}
    for _, name in by_position:
        expected[name] = expected.get(name, 0) + 1
    assert counted == expected
    grams = ngrams(mixed, n=2, at_least=1, limit=1_000)
    assert {tuple(gram.actions): gram.outcomes.attempts for gram in grams.grams} == {
        tuple(row[0]): row[1]
        for row in mixed.rows(
            "SELECT [tool, next], count(DISTINCT trace_id) FROM (SELECT trace_id, tool, lead(tool) OVER"
            " (PARTITION BY trace_id ORDER BY position) AS next FROM tool_calls) WHERE next IS NOT NULL GROUP BY 1"
        )
    }


def test_ngrams_compare_attempts_that_have_them_with_those_that_do_not(some):
    found = {tuple(gram.actions): gram for gram in ngrams(some, n=2, at_least=1).grams}
    both = found["look", "buy"]
    assert (both.outcomes.attempts, both.outcomes.success, both.outcomes.failure, both.outcomes.unknown) == (4, 2, 1, 1)
    assert both.rate_with == pytest.approx(2 / 3)
    assert both.rate_without == 0
    assert both.difference == pytest.approx(2 / 3)
    rare = ngrams(some, n=2, at_least=2)
    assert [gram.actions for gram in rare.grams] == [["look", "buy"]]
    assert rare.rare_grams == len(found) - 1
    assert "1 of 6 attempts ended in an error or have no outcome" in rare.render().text
    assert [gram.actions for gram in ngrams(some, n=3, at_least=1).grams] == [
        ["look", "buy", "pay"],
        ["buy", "look", "buy"],
    ]
    with pytest.raises(InputError, match="choose 1 to 5"):
        ngrams(some, n=6)


def test_repeated_calls_are_those_with_equal_arguments(tmp_path):
    spans = [
        *(root("r1", 0.0), tool("r1", 1, "look", "1"), tool("r1", 2, "look", "1"), tool("r1", 3, "look", "1")),
        *(root("r2", 1.0), tool("r2", 1, "look", "1"), tool("r2", 2, "look", "2")),
        root("r3", 1.0),
    ]
    with stored(tmp_path, spans) as store:
        found = repeats(store)
        assert [(one.repeats, one.outcomes.success, one.outcomes.failure) for one in found.bins] == [
            ("0", 2, 0),
            ("2", 0, 1),
        ]
        [look] = found.tools
        assert (look.tool, look.repeats, look.outcomes.attempts) == ("look", 2, 1)
        assert repeats(store, limit=0).more_tools == 1


def test_steps_are_binned_when_there_are_many_and_unknown_ones_are_counted(mixed):
    fine = steps_histogram(mixed)
    assert sum(one.outcomes.attempts for one in fine.bins) + fine.unknown_steps == 17
    assert all(one.low == one.high for one in fine.bins)
    coarse = steps_histogram(mixed, limit=2)
    assert len(coarse.bins) <= 2
    assert sum(one.outcomes.attempts for one in coarse.bins) == sum(one.outcomes.attempts for one in fine.bins)


def test_quantiles_are_by_outcome_with_the_untold_counted(mixed):
    rows = {(row.quantity, row.outcome): row for row in cost(mixed).rows}
    failures = rows["prompt tokens of an attempt", "failure"]
    assert (failures.known, failures.unknown, failures.median) == (1, 6, 303)
    assert rows["cost in USD of an attempt", "success"].median is None
    assert "cost in USD of an attempt: unknown for 17" in cost(mixed).remarks()
    seconds = {(row.quantity, row.outcome): row for row in latency(mixed).rows}
    assert seconds["seconds of a model call", "success"].median == pytest.approx(0.4)


def test_every_count_takes_a_filter(some):
    chosen = TraceFilter(outcome="success")
    assert sum(one.outcomes.attempts for one in first_actions(some, chosen).actions) == 2
    assert ngrams(some, chosen, n=2, at_least=1).all_attempts.attempts == 2
    assert sum(one.outcomes.attempts for one in steps_histogram(some, chosen).bins) == 2
    assert sum(one.outcomes.attempts for one in repeats(some, chosen).bins) == 2
    assert {row.outcome for row in cost(some, chosen).rows} == {"success"}
    nobody = TraceFilter(task="none")
    assert steps_histogram(some, nobody).bins == []
    assert latency(some, nobody).render().text.startswith("(none)")
