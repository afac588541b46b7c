"""The overview, kinds of errors, and the list of attempts."""

import json

import pytest
from query_samples import failed, root, stored, tool, trace

from halo_opt.core.errors import InputError
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.overview import overview
from halo_opt.store.queries.traces import SORTS, traces


def test_overview_counts_everything_and_says_what_is_unknown(mixed):
    answer = overview(mixed)
    assert answer.attempts == sum(answer.outcomes.values()) == sum(answer.formats.values()) == 17
    assert set(answer.formats) == {"intercode", "run-folder", "tau-bench"}
    assert (answer.tokens_in, answer.without_tokens) == (604, 14)
    assert answer.cost_usd is None
    assert answer.first == "2026-05-04 10:00:00"
    text = answer.render().text
    assert "14 of 17 attempts have no token counts" in text
    assert "kinds of errors" in text
    assert json.loads(answer.model_dump_json())["errors"]["error_spans"] == answer.errors.error_spans


def test_rejected_lines_are_counted_by_reason(tmp_path):
    path = tmp_path / "spans.jsonl"
    with stored(tmp_path, trace("t1", None, "look")):
        pass
    path.write_text(path.read_text() + "{broken\n[]\n")
    from halo_opt.store import Store, build_store

    build_store([path], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert overview(store).rejects == {"not JSON": 1, "not an object but an array": 1}


def test_errors_that_differ_in_ids_numbers_paths_and_quotations_are_of_one_kind(tmp_path):
    messages = [
        'flight HAT12 of user "ann" at /srv/a/b.py line 7: https://x.test/a?b=1 failed on 2026-05-04',
        'flight HAT345 of user "bob" at ./c/d.py line 99: http://y.test failed on 2024-11-30',
        "id 6f1c2d3e-0000-4000-8000-123456789abc is gone",
        "id 00000000-1111-2222-3333-444444444444 is gone",
        "object 0xdeadbeef was lost",
        "object 0x0 was lost",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 isn't there, it's 'lost'",
        "commit 1111111111111111111111111111111111111111 isn't there, it's 'gone away'",
    ]
    spans = [root("t1"), *(tool("t1", n, f"tool{n % 2}", **failed(m)) for n, m in enumerate(messages, start=1))]
    with stored(tmp_path, spans) as store:
        kinds = overview(store).errors.kinds
        assert sorted((kind.signature, kind.spans) for kind in kinds) == [
            ("commit <hex> isn't there, it's <text>", 2),
            ("flight HAT<n> of user <text> at <path> line <n>: <url> failed on <n>", 2),
            ("id <uuid> is gone", 2),
            ("object <hex> was lost", 2),
        ]
        assert kinds[0].tools == ["tool0", "tool1"]
        assert (kinds[0].example, kinds[0].traces) == ("t1", 1)


def test_kinds_of_errors_beyond_the_limit_are_counted_and_errors_without_words_are_there(tmp_path):
    words = ["alpha", "alpha", "beta", "gamma", ""]
    spans = [root("t1"), *(tool("t1", n, "look", **failed(word)) for n, word in enumerate(words, start=1))]
    with stored(tmp_path, spans) as store:
        errors = overview(store, limit=1).errors
        assert [(kind.signature, kind.spans) for kind in errors.kinds] == [("alpha", 2)]
        assert (errors.error_spans, errors.more_kinds, errors.more_spans) == (5, 3, 3)
        assert "3 more kinds of errors with 3 spans are not listed" in overview(store, limit=1).render().text
        assert "tool_error" in {kind.signature for kind in overview(store).errors.kinds}


@pytest.fixture
def some(tmp_path):
    spans = [*trace("a1", 1.0, "look", "buy"), *trace("b1", 0.0, "look"), *trace("b2", None), root("c1", 0.0)]
    spans += [tool("c1", 1, "look", **failed("no")), tool("c1", 2, "look"), tool("c1", 3, "sell")]
    with stored(tmp_path, spans) as store:
        yield store


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["a1", "b1", "b2", "c1"]),
        ({"outcome": "success"}, ["a1"]),
        ({"outcome": "unknown"}, ["b2"]),
        ({"task": "task-[bc]"}, ["b1", "b2", "c1"]),
        ({"tool": "b*"}, ["a1"]),
        ({"has_error": True}, ["c1"]),
        ({"has_error": False, "outcome": "failure"}, ["b1"]),
        ({"min_steps": 1, "max_steps": 2}, ["a1", "b1", "c1"]),
        ({"run": "none"}, []),
        ({"since": "2026-05-04T10:00:00Z", "until": "2026-05-04T12:00:00+02:00"}, []),
        ({"since": "2026-05-04"}, ["a1", "b1", "b2", "c1"]),
        ({"trace": "b1"}, ["b1"]),
    ],
)
def test_each_filter_keeps_what_it_says(some, conditions, expected):
    listed = traces(some, TraceFilter(**conditions), sort="trace_id")
    found = [row.trace_id for row in listed.rows]
    if conditions.keys() == {"min_steps", "max_steps"}:
        steps = {row[0]: row[1] for row in some.rows("SELECT trace_id, steps FROM attempts")}
        expected = sorted(t for t, n in steps.items() if 1 <= n <= 2)
    assert (found, listed.total) == (expected, len(expected))


def test_a_time_that_is_none_is_refused_with_an_example(some):
    with pytest.raises(InputError, match="since 'soon' is not a time; write it as 2026-05-04"):
        traces(some, TraceFilter(since="soon"))


def test_lists_are_sorted_paged_and_counted(some):
    page = traces(some, sort="calls", descending=True, limit=2, offset=1)
    assert [(row.trace_id, row.calls) for row in page.rows] == [("a1", 2), ("b1", 1)]
    assert (page.total, page.remarks()) == (4, ["2 to 3 of 4 attempts"])
    assert [row.errors for row in traces(some, sort="errors", descending=True).rows] == [1, 0, 0, 0]
    assert traces(some, sort="score").rows[-1].trace_id == "b2"
    for column in SORTS:
        assert traces(some, sort=column).total == 4
    with pytest.raises(InputError, match="there is no column 'size' to sort by; choose one of trace_id"):
        traces(some, sort="size")


def test_an_answer_that_is_too_big_says_its_size_what_is_shown_and_what_to_ask(some):
    listed = traces(some)
    whole = listed.render(None)
    small = listed.render(400)
    assert small.cut
    assert len(small.text.encode()) <= 400
    assert f"of {whole.size} bytes are shown; ask with a lower --limit" in small.text
    assert small.text.splitlines()[0] == whole.text.splitlines()[0]
    assert "note: 1 to 4 of 4 attempts" in whole.text
    assert "note:" not in listed.render(None, remarks=False).text
