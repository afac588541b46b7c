"""Tokens, cost, steps, calls and errors of a trace are counted once, whatever encloses what states them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries.taxonomy import error_taxonomy

CASE = Path(__file__).parents[2] / "data" / "cases" / "nested_llm_counts_twice"
INDEX = Options(contents=False)
FACTS = "steps, tokens_in, tokens_out, cost_usd, outcome"
Span = dict[str, Any]


def span(span_id: str, parent: str, kind: str | None, seconds: tuple[int, int], error: str = "", **more: Any) -> Span:
    attributes = {"openinference.span.kind": kind, **more} if kind else more
    return {
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": parent,
        "name": more.get("name", span_id),
        "start_time": f"2025-03-01T10:00:{seconds[0]:02}Z",
        "end_time": f"2025-03-01T10:00:{seconds[1]:02}Z",
        "status": {"code": "ERROR", "message": error} if error else {"code": "OK"},
        "attributes": attributes,
    }


def usage(given: int, reply: int = 1, cost: float | None = None) -> dict[str, Any]:
    costs = {} if cost is None else {"llm.cost.total": cost}
    return {"llm.token_count.prompt": given, "llm.token_count.completion": reply, **costs}


def tool(name: str, arguments: str | None = None, result: str | None = None) -> dict[str, Any]:
    texts = {"input.value": arguments, "output.value": result}
    return {"tool.name": name, **{key: value for key, value in texts.items() if value is not None}}


def written(path: Path, spans: list[Span]) -> Path:
    data = "".join(json.dumps(one) + "\n" for one in spans).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def both(folder: Path, spans: list[Span], sql: str, *, contents: bool = False) -> list[tuple[Any, ...]]:
    """What SQL finds after the index read the spans, which is what it finds after they were read whole."""
    found = []
    for name in ("indexed.jsonl", "whole.jsonl.gz"):
        path, place = written(folder / name, spans), folder / f"{name}.duckdb"
        place.unlink(missing_ok=True)
        build_store([path], place, options=Options(contents=contents))
        with Store.open(place) as store:
            found.append(store.rows(sql))
    assert found[0] == found[1]
    return found[0]


ROOT = span("root", "", "AGENT", (0, 50))


@pytest.mark.parametrize(
    ("name", "tokens", "cost"), [("nested", (300, 60), None), ("pyd", (300, 60), None), ("obs", (300, 30), 0.03)]
)
@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
def test_case_of_nested_model_calls_counts_the_inner_ones(tmp_path, name, tokens, cost, contents):
    build_store([CASE / f"{name}.jsonl"], tmp_path / "s.duckdb", options=Options(contents=contents))
    with Store.open(tmp_path / "s.duckdb") as store:
        rows = store.rows("SELECT DISTINCT steps, tokens_in, tokens_out, round(cost_usd, 9) FROM attempts")
    assert rows == [(2, *tokens, cost)]


WRAPPED = {
    "a model call in a model call in a model call": [
        span("a", "root", "LLM", (1, 9), **usage(30)),
        span("b", "a", "LLM", (2, 8), **usage(30)),
        span("c", "b", "LLM", (3, 7), **usage(30)),
    ],
    "a chain between": [
        span("a", "root", "LLM", (1, 9), **usage(30)),
        span("b", "a", "CHAIN", (2, 8)),
        span("c", "b", "LLM", (3, 7), **usage(30)),
    ],
    "a chain with totals": [
        span("a", "root", "CHAIN", (1, 9), **usage(30)),
        span("c", "a", "LLM", (3, 7), **usage(30)),
    ],
    "a wrapper that states more": [
        span("a", "root", "LLM", (1, 9), **usage(99)),
        span("c", "a", "LLM", (3, 7), **usage(30)),
    ],
    "a wrapper that alone states usage": [
        span("a", "root", "LLM", (1, 9), **usage(30)),
        span("c", "a", "LLM", (3, 7)),
    ],
    "an agent that alone states usage": [
        {**ROOT, "span_id": "agent", "parent_span_id": "root", "attributes": {**ROOT["attributes"], **usage(30)}},
        span("c", "agent", "LLM", (3, 7)),
    ],
    "children first": [
        span("c", "a", "LLM", (3, 7), **usage(30)),
        span("a", "root", "LLM", (1, 9), **usage(30)),
    ],
    "the AI SDK": [
        span("a", "root", None, (1, 9), **{"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 30}),
        span("c", "a", None, (3, 7), **{"ai.operationId": "ai.generateText.doGenerate", "ai.usage.promptTokens": 30}),
    ],
}


@pytest.mark.parametrize("spans", WRAPPED.values(), ids=WRAPPED)
def test_wrapper_of_a_model_call_counts_nothing(tmp_path, spans):
    assert both(tmp_path, [ROOT, *spans], "SELECT steps, tokens_in FROM attempts") == [(1, 30)]


@pytest.mark.parametrize("spans", WRAPPED.values(), ids=WRAPPED)
def test_tokens_of_spans_add_up_to_those_of_their_attempt(tmp_path, spans):
    assert both(tmp_path, [ROOT, *spans], "SELECT sum(tokens_in)::BIGINT FROM spans") == [(30,)]


def test_retries_within_a_wrapper_count_each(tmp_path):
    spans = [
        span("a", "root", "LLM", (1, 9), **usage(60)),
        span("b", "a", "LLM", (2, 4), "rate limited", **usage(30)),
        span("c", "a", "LLM", (5, 8), **usage(30)),
    ]
    assert both(tmp_path, [ROOT, *spans], "SELECT steps, tokens_in FROM attempts") == [(2, 60)]


def test_cost_on_a_wrapper_counts_where_the_calls_state_only_tokens(tmp_path):
    spans = [span("a", "root", "CHAIN", (1, 9), **usage(30, cost=0.5)), span("c", "a", "LLM", (3, 7), **usage(30))]
    assert both(tmp_path, [ROOT, *spans], "SELECT tokens_in, cost_usd FROM attempts") == [(30, 0.5)]


def test_model_call_in_a_tool_after_the_call_that_asked_for_it_counts_too(tmp_path):
    spans = [
        span("a", "root", "LLM", (1, 3), **usage(30)),
        span("t", "a", "TOOL", (4, 9), **tool("ask", "{}")),
        span("b", "t", "LLM", (5, 8), **usage(12)),
    ]
    assert both(tmp_path, [ROOT, *spans], "SELECT steps, tokens_in FROM attempts") == [(2, 42)]


def test_totals_of_the_root_win_over_its_spans(tmp_path):
    root = {**ROOT, "attributes": {**ROOT["attributes"], "halo.total.tokens_in": 7}}
    assert both(tmp_path, [root, *WRAPPED["a chain with totals"]], "SELECT tokens_in FROM attempts") == [(7,)]


def test_spans_that_are_each_others_parents_lose_nothing(tmp_path):
    spans = [span("a", "b", "LLM", (1, 9), **usage(10)), span("b", "a", "LLM", (2, 8), **usage(20))]
    assert both(tmp_path, [ROOT, *spans], "SELECT steps, tokens_in FROM attempts") == [(2, 30)]


CALLS = {
    "a transport span below": [
        span("x", "root", "TOOL", (3, 7), **tool("look", '{"q": 1}', "42")),
        span("y", "x", "TOOL", (4, 6), **tool("POST /mcp", '{"q": 1}', "42")),
    ],
    "a span without arguments around": [
        span("x", "root", "TOOL", (3, 7), **tool("look")),
        span("y", "x", "TOOL", (4, 6), **tool("look", '{"q": 1}', "42")),
    ],
    "a result only above": [
        span("x", "root", "TOOL", (3, 7), **tool("look", None, "42")),
        span("y", "x", "TOOL", (4, 6), **tool("look", '{"q": 1}')),
    ],
    "a result only below": [
        span("x", "root", "TOOL", (3, 7), **tool("look", '{"q": 1}')),
        span("y", "x", "TOOL", (4, 6), **tool("look", '{"q": 1}', "42")),
    ],
    "three levels and a chain": [
        span("x", "root", "TOOL", (3, 9), **tool("look", '{"q": 1}', "42")),
        span("c", "x", "CHAIN", (4, 8)),
        span("y", "c", "TOOL", (5, 7), **tool("look", '{"q": 1}', "42")),
        span("z", "y", "TOOL", (6, 7), **tool("look", '{"q": 1}', "42")),
    ],
}


@pytest.mark.parametrize("spans", CALLS.values(), ids=CALLS)
def test_one_call_in_several_spans_is_one_call(tmp_path, spans):
    sql = "SELECT tool, arguments, result FROM tool_calls"
    assert both(tmp_path, [ROOT, *spans], sql, contents=True) == [("look", '{"q": 1}', "42")]


@pytest.mark.parametrize("spans", CALLS.values(), ids=CALLS)
def test_one_call_in_several_spans_is_one_tool_span(tmp_path, spans):
    sql = "SELECT count(*) FILTER (kind = 'TOOL'), count(tool), count(call_hash) FROM spans"
    assert both(tmp_path, [ROOT, *spans], sql) == [(1, 1, 1)]


def test_calls_in_a_batch_are_the_calls(tmp_path):
    batch = span("x", "root", "TOOL", (3, 9), **{"tool.name": "tools"})
    inner = [span(f"y{n}", "x", "TOOL", (4, 6), **tool(f"look{n}", "{}", "42")) for n in range(2)]
    sql = "SELECT tool FROM tool_calls ORDER BY position"
    assert both(tmp_path, [ROOT, batch, *inner], sql, contents=True) == [("look0",), ("look1",)]


def test_calls_of_an_agent_in_a_call_are_calls_too(tmp_path):
    spans = [
        span("x", "root", "TOOL", (3, 9), **tool("delegate", '{"to": "b"}')),
        span("a", "x", "AGENT", (4, 8)),
        span("y", "a", "TOOL", (5, 6), **tool("look", '{"q": 1}')),
    ]
    sql = "SELECT tool FROM tool_calls ORDER BY position"
    assert both(tmp_path, [ROOT, *spans], sql, contents=True) == [("delegate",), ("look",)]


def test_error_in_a_part_of_a_call_is_the_error_of_the_call(tmp_path):
    spans = [
        span("x", "root", "TOOL", (3, 9), **tool("look", '{"q": 1}', "sorry")),
        span("y", "x", "TOOL", (4, 6), "boom", **tool("look", '{"q": 1}')),
    ]
    sql = "SELECT error, error_type FROM tool_calls"
    assert both(tmp_path, [ROOT, *spans], sql, contents=True) == [("boom", "tool_error")]


PASSED_ON = [
    span("root", "", "AGENT", (0, 50), "Agent failed: ToolError: boom"),
    span("c", "root", "CHAIN", (1, 40), "ToolError: boom"),
    span("x", "c", "TOOL", (2, 30), "boom", **tool("look", "{}")),
]


def test_error_that_passes_through_spans_counts_once(tmp_path):
    path = written(tmp_path / "t.jsonl", PASSED_ON)
    build_store([path], tmp_path / "s.duckdb", options=INDEX)
    with Store.open(tmp_path / "s.duckdb") as store:
        [kind] = error_taxonomy(store).kinds
    assert (kind.spans, kind.tools, kind.span_id) == (1, ["look"], "x")


def test_error_of_the_agent_with_words_of_its_own_counts_too(tmp_path):
    spans = [{**PASSED_ON[0], "status": {"code": "ERROR", "message": "too many steps"}}, *PASSED_ON[1:]]
    assert both(tmp_path, spans, "SELECT count(error_type) FROM spans") == [(2,)]


LEVELS = [
    span("x", "root", "TOOL", (13, 19), **tool("look", '{"q": 1}', "42")),
    span("y", "x", "TOOL", (14, 18), **tool("look", '{"q": 1}', "42")),
    span("z", "y", "LLM", (15, 17), **usage(5)),
]


@pytest.mark.parametrize("cut", [1, 2])
def test_spans_that_come_later_count_as_if_all_had_come_together(tmp_path, cut):
    nested = WRAPPED["a model call in a model call in a model call"]
    spans = [ROOT, *reversed(nested), *reversed(LEVELS)]
    path = tmp_path / "t.jsonl"
    for upto in range(cut, len(spans) + cut, cut):
        build_store([written(path, spans[:upto])], tmp_path / "grown.duckdb", options=INDEX)
    build_store([path], tmp_path / "afresh.duckdb", options=INDEX)
    found = []
    for name in ("grown", "afresh"):
        with Store.open(tmp_path / f"{name}.duckdb") as store:
            sql = "SELECT span_id, kind, tokens_in, tool, call_hash, uncounted FROM spans ORDER BY span_id"
            found.append((store.rows(sql), store.rows(f"SELECT {FACTS} FROM attempts")))
    assert found[0] == found[1]


KINDS = st.sampled_from(["LLM", "LLM", "TOOL", "TOOL", "CHAIN", "AGENT"])


@st.composite
def trees(draw: st.DrawFn) -> list[Span]:
    """Spans of any shape of tree, with distinct starts."""
    spans = [ROOT]
    for number in range(draw(st.integers(1, 9))):
        parent = draw(st.sampled_from([*(one["span_id"] for one in spans), "elsewhere", f"s{number}"]))
        kind, error = draw(KINDS), draw(st.sampled_from(["", "", "boom", "other"]))
        more: dict[str, Any] = {}
        if draw(st.booleans()):
            more |= usage(draw(st.integers(0, 3)))
        if kind == "TOOL":
            more |= tool(draw(st.sampled_from(["look", "find"])), draw(st.sampled_from([None, "{}"])))
        spans.append(span(f"s{number}", parent, kind, (number + 1, draw(st.integers(number + 1, 50))), error, **more))
    return spans


@examples(everyday=15, fresh=100)
@given(trees(), st.randoms(use_true_random=False))
def test_index_and_whole_read_agree_in_any_order_with_repeats(tmp_path_factory, spans, random):
    folder = tmp_path_factory.mktemp("trees")
    columns = "span_id, kind, tokens_in, tool, error_type"
    sql = f"SELECT {FACTS}, ended_at, (SELECT list(({columns}) ORDER BY span_id) FROM spans) FROM attempts"
    expected = both(folder, spans, sql)
    mixed = [*spans, *random.sample(spans, len(spans) // 2)]
    random.shuffle(mixed)
    assert both(folder, mixed, sql) == expected


@pytest.mark.parametrize(
    "metadata", [{"task_id": "k", "seed": 3, "reward": 1}, '{"task_id": "k", "seed": 3, "reward": 1}']
)
def test_metadata_of_the_root_says_task_seed_and_outcome(tmp_path, metadata):
    spans = [span("root", "", "AGENT", (0, 50), metadata=metadata), span("a", "root", "LLM", (1, 2))]
    assert both(tmp_path, spans, "SELECT task_id, seed, outcome FROM attempts") == [("k", 3, "success")]


def test_metadata_of_an_agent_below_a_service_says_the_task(tmp_path):
    service = span("root", "", None, (0, 50), metadata='{"region": "eu"}')
    spans = [service, span("a", "root", "AGENT", (1, 2), metadata='{"task_id": "k", "reward": 0}')]
    assert both(tmp_path, spans, "SELECT task_id, outcome FROM attempts") == [("k", "failure")]
