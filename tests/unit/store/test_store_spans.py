"""Flat spans of other producers: whatever naming they use, an attempt with steps comes out."""

import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.store import Store, build_store


def span(span_id: str, second: int, attributes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "trace_id": "t1",
        "span_id": span_id,
        "parent_span_id": "root",
        "name": "work",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": f"2026-05-04T10:00:{second:02}Z",
        "end_time": f"2026-05-04T10:00:{second + 1:02}Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "theirs"}},
        "scope": {"name": "x"},
        "attributes": attributes,
        **changes,
    }


ROOT = span("root", 0, {"openinference.span.kind": "AGENT", "input.value": "Find the price"}, parent_span_id="")


def stored(tmp_path: Path, *spans: dict[str, Any]) -> Store:
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(s) + "\n" for s in spans))
    build_store([path], tmp_path / "s.duckdb")
    return Store.open(tmp_path / "s.duckdb")


def openinference_llm(span_id: str, second: int, given: list[tuple[str, str]], reply: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 5}
    for n, (role, content) in enumerate(given):
        attributes[f"llm.input_messages.{n}.message.role"] = role
        attributes[f"llm.input_messages.{n}.message.content"] = content
    attributes["llm.output_messages.0.message.role"] = "assistant"
    attributes["llm.output_messages.0.message.content"] = reply
    return span(span_id, second, attributes)


def test_llm_span_with_the_tools_after_it_is_a_step(tmp_path):
    first = [("system", "be good"), ("user", "Find the price")]
    second = [*first, ("assistant", "I look"), ("tool", "42")]
    tool = {"openinference.span.kind": "TOOL", "tool.name": "look", "input.value": '{"q": 1}', "output.value": "42"}
    with stored(
        tmp_path,
        openinference_llm("l1", 1, first, "I look"),
        span("x1", 2, tool),
        openinference_llm("l2", 3, second, "It is 42"),
        ROOT,
    ) as store:
        assert store.rows("SELECT step, observation, reply, tool, arguments, result FROM steps ORDER BY step") == [
            (0, "Find the price", "I look", "look", '{"q": 1}', "42"),
            (1, "42", "It is 42", "respond", "It is 42", None),
        ]
        assert store.rows("SELECT role, content FROM messages ORDER BY position") == [
            *second,
            ("assistant", "It is 42"),
        ]
        assert store.rows("SELECT goal, model, tokens_in, steps, outcome, seed FROM attempts") == [
            ("Find the price", "m", 10, 2, None, None)
        ]


def test_prompts_are_not_kept_twice_but_other_attributes_are(tmp_path):
    llm = openinference_llm("l1", 1, [("user", "hi")], "ho")
    llm["attributes"]["their.own"] = {"deep": [1]}
    with stored(tmp_path, ROOT, llm) as store:
        [(text,)] = store.rows("SELECT attributes FROM spans WHERE kind = 'LLM'")
        assert "llm.input_messages.0.message.content" not in json.loads(text)
        assert json.loads(text)["their.own"] == {"deep": [1]}


def test_gen_ai_names_are_understood(tmp_path):
    given = [{"role": "user", "parts": [{"type": "text", "content": "Find it"}]}]
    messages = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "look", "arguments": {"q": 1}}]}]
    llm = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": json.dumps(given),
        "gen_ai.output.messages": json.dumps(messages),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }
    with stored(
        tmp_path, span("root", 0, {"gen_ai.operation.name": "invoke_agent"}, parent_span_id=""), span("l", 1, llm)
    ) as store:
        assert store.rows("SELECT kind FROM spans ORDER BY started_at") == [("AGENT",), ("LLM",)]
        assert store.rows("SELECT observation, tool, arguments FROM steps") == [("Find it", "look", '{"q": 1}')]
        assert store.rows("SELECT goal, tokens_in, tokens_out FROM attempts") == [("Find it", 7, 3)]


def test_failed_tool_span_is_a_tool_error(tmp_path):
    status = {"code": "STATUS_CODE_ERROR", "message": "boom"}
    tool = span("x", 2, {"openinference.span.kind": "TOOL", "tool.name": "look"}, status=status)
    with stored(tmp_path, ROOT, openinference_llm("l", 1, [("user", "a")], "b"), tool) as store:
        assert store.rows("SELECT tool, error, error_type FROM steps") == [("look", "boom", "tool_error")]


def test_halo_engine_names_are_understood(tmp_path):
    root = span("a" * 24, 0, {"inference.observation_kind": "AGENT"}, parent_span_id="")
    llm = {"inference.observation_kind": "LLM", "inference.llm.model_name": "m", "inference.llm.input_tokens": 4}
    with stored(tmp_path, root, span("b" * 24, 1, {**llm, "output.value": "hello"}, parent_span_id="a" * 24)) as store:
        assert store.rows("SELECT model, tokens_in, steps FROM attempts") == [("m", 4, 1)]
        assert store.rows("SELECT reply FROM steps") == [("hello",)]


@pytest.mark.parametrize(
    ("attributes", "outcome", "score"),
    [
        ({"reward": 1.0}, "success", 1.0),
        ({"score": "0.5"}, "failure", 0.5),
        ({"halo.outcome": "error", "halo.score": 0.0}, "error", None),
        ({"passed": True}, "success", None),
        ({"gen_ai.evaluation.score.label": "fail"}, "failure", None),
        ({"reward": float("nan")}, None, None),
        ({}, None, None),
    ],
)
def test_outcome_comes_from_whatever_says_it(tmp_path, attributes, outcome, score):
    with stored(tmp_path, span("root", 0, attributes, parent_span_id="")) as store:
        assert store.rows("SELECT outcome, score FROM attempts") == [(outcome, score)]


def test_same_goal_is_the_same_task_and_no_goal_is_its_own(tmp_path):
    spans = [{**ROOT, "trace_id": name} for name in ("t1", "t2")] + [span("s", 0, {}, trace_id="t3", parent_span_id="")]
    with stored(tmp_path, *spans) as store:
        [(first,), (second,), (third,)] = store.rows("SELECT task_id FROM attempts ORDER BY trace_id")
        assert first == second
        assert first.startswith("goal-")
        assert third == "t3"
        assert store.rows("SELECT count(*) FROM runs") == [(1,)]


def test_interleaved_traces_are_taken_apart(tmp_path):
    spans = [span(f"s{n}", n, {}, trace_id=f"t{n % 3}", parent_span_id="") for n in range(9)]
    with stored(tmp_path, *spans) as store:
        assert store.rows("SELECT trace_id, count(*) FROM spans GROUP BY 1 ORDER BY 1") == [
            ("t0", 3),
            ("t1", 3),
            ("t2", 3),
        ]


def test_odd_values_become_unknown_not_a_crash(tmp_path):
    odd = {
        "start_time": "yesterday",
        "end_time": 1777888800000000000,
        "status": "weird",
        "attributes": None,
        "resource": [],
        "name": None,
        "parent_span_id": None,
    }
    parents = [span("a", 1, {}, parent_span_id="b"), span("b", 2, {}, parent_span_id="a")]
    with stored(tmp_path, {**span("s", 0, {}), **odd, "trace_id": "t9"}, *parents) as store:
        assert store.rows("SELECT started_at, year(ended_at), status, kind FROM spans WHERE trace_id = 't9'") == [
            (None, 2026, "unset", "SPAN")
        ]
        assert store.rows("SELECT count(*) FROM attempts") == [(2,)]


def test_numbers_beyond_the_columns_are_unknown(tmp_path):
    attributes = {"halo.seed": 10**30, "halo.step_limit": "many", "reward": 10**400}
    with stored(tmp_path, span("root", 0, attributes, parent_span_id="")) as store:
        assert store.rows("SELECT seed, step_limit, score FROM attempts") == [(None, None, None)]
