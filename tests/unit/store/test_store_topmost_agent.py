"""A trace whose agent lies below a request or a job has the task, goal and outcome of its topmost agent."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.store import Options, Store, build_store

CASE = Path(__file__).parents[2] / "data" / "cases" / "agent_below_http_root"
FACTS = "task_id, goal, outcome, score"
Span = dict[str, Any]


def span(span_id: str, parent: str, second: int, kind: str | None = None, **attributes: Any) -> Span:
    if kind is not None:
        attributes["openinference.span.kind"] = kind
    return {
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": parent,
        "name": span_id,
        "start_time": f"2025-03-01T10:00:{second:02}Z",
        "end_time": "2025-03-01T10:00:50Z",
        "attributes": attributes,
    }


def both(folder: Path, spans: list[Span]) -> tuple[Any, ...]:
    """The attempt as the index makes it, which is the one of a whole read."""
    data = "".join(json.dumps(one) + "\n" for one in spans).encode()
    (folder / "a.jsonl").write_bytes(data)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(data))
    found = []
    for name in ("a.jsonl", "b.jsonl.gz"):
        build_store([folder / name], folder / f"{name}.duckdb", options=Options(contents=False))
        with Store.open(folder / f"{name}.duckdb") as store:
            found += store.rows(f"SELECT {FACTS} FROM attempts")
    assert found[0] == found[1]
    return found[0]


HTTP = span("http", "", 0, **{"http.method": "POST", "input.value": '{"body": 1}'})
PLANNER = span("planner", "http", 2, "AGENT", task_id="k", reward=0.0, **{"input.value": "plan it"})
CODER = span("coder", "planner", 3, "AGENT", task_id="other", reward=1.0, **{"input.value": "code it"})


@pytest.mark.parametrize("name", ["s.jsonl", "s.otlp.jsonl"])
@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
def test_case_has_the_outcomes_of_the_planner(tmp_path, name, contents):
    build_store([CASE / name], tmp_path / "s.duckdb", options=Options(contents=contents))
    with Store.open(tmp_path / "s.duckdb") as store:
        rows = store.rows("SELECT task_id, outcome FROM attempts")
    assert {task for task, _ in rows} == {"plan-0", "plan-1", "plan-2", "plan-3"}
    assert [outcome for _, outcome in rows].count("success") == 4
    assert len(rows) == 12


@pytest.mark.parametrize("spans", [[HTTP, PLANNER, CODER], [CODER, PLANNER, HTTP]], ids=["in order", "children first"])
def test_agent_below_a_request_says_task_goal_and_outcome(tmp_path, spans):
    assert both(tmp_path, spans) == ("k", "plan it", "failure", 0.0)


def test_depth_counts_before_time(tmp_path):
    early = span("early", "queue", 1, "AGENT", task_id="other", reward=1.0)
    assert both(tmp_path, [HTTP, span("queue", "http", 0), early, PLANNER])[0] == "k"


def test_of_agents_of_one_depth_the_first_counts(tmp_path):
    later = span("later", "http", 9, "AGENT", task_id="other", reward=1.0)
    assert both(tmp_path, [HTTP, later, PLANNER])[0] == "k"


def test_outcome_that_the_root_states_counts(tmp_path):
    root = {**HTTP, "attributes": {**HTTP["attributes"], "score": 1.0}}
    assert both(tmp_path, [root, PLANNER]) == ("k", "plan it", "success", 1.0)


def test_sub_agent_says_nothing_where_the_topmost_agent_has_no_outcome(tmp_path):
    silent = span("planner", "http", 2, "AGENT", task_id="k")
    assert both(tmp_path, [HTTP, silent, CODER])[2:] == (None, None)


def test_chain_above_the_agent_keeps_its_own_goal(tmp_path):
    chain = span("http", "", 0, "CHAIN", **{"input.value": "the question"})
    assert both(tmp_path, [chain, PLANNER]) == ("k", "the question", "failure", 0.0)


def test_agent_whose_parent_is_in_another_service_is_the_root(tmp_path):
    assert both(tmp_path, [PLANNER, CODER]) == ("k", "plan it", "failure", 0.0)


def test_agent_below_two_roots_is_found(tmp_path):
    job = span("job", "", 1)
    assert both(tmp_path, [HTTP, job, {**PLANNER, "parent_span_id": "job"}])[0] == "k"
