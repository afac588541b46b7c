"""Who acts in a trace of several agents: in spans, steps, calls and messages, in filters, and in what is shown."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.cli.app import run
from halo_opt.core.errors import InputError
from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries.filters import TraceFilter, need_agent
from halo_opt.store.queries.show import show
from halo_opt.store.queries.traces import traces

Span = dict[str, Any]


def span(span_id: str, parent: str, second: int, kind: str | None, **attributes: Any) -> Span:
    return {
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": parent,
        "name": span_id,
        "start_time": f"2025-03-01T10:00:{second:02}Z",
        "end_time": f"2025-03-01T10:00:{second + 1:02}Z",
        "attributes": {**({"openinference.span.kind": kind} if kind else {}), **attributes},
    }


def said(role: str, text: str, name: str | None = None, place: str = "llm.output_messages.0.message") -> dict[str, Any]:
    named = {} if name is None else {f"{place}.name": name}
    return {f"{place}.role": role, f"{place}.content": text, **named}


def stored(folder: Path, *spans: Span, contents: bool = True, packed: bool = False) -> Store:
    data = "".join(json.dumps(one) + "\n" for one in spans).encode()
    path = folder / ("t.jsonl.gz" if packed else "t.jsonl")
    path.write_bytes(gzip.compress(data) if packed else data)
    build_store([path], folder / "s.duckdb", options=Options(contents=contents))
    return Store.open(folder / "s.duckdb")


TEAM = [
    span("planner", "", 0, "AGENT"),
    span("plan", "planner", 1, "LLM", **said("assistant", "do it")),
    span("delegate", "planner", 2, "TOOL", **{"tool.name": "delegate", "input.value": "{}"}),
    span("coder", "delegate", 3, "AGENT"),
    span("code", "coder", 4, "LLM", **said("assistant", "done")),
    span("write", "coder", 5, "TOOL", **{"tool.name": "write", "input.value": "{}"}),
]


@pytest.mark.parametrize("packed", [False, True], ids=["index", "whole"])
def test_spans_below_an_agent_are_its_own(tmp_path, packed):
    with stored(tmp_path, *TEAM, packed=packed) as store:
        rows = dict(store.rows("SELECT span_id, agent FROM spans"))
    assert rows == {
        "planner": "planner",
        "plan": "planner",
        "delegate": "planner",
        "coder": "coder",
        "code": "coder",
        "write": "coder",
    }


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("steps", [("planner",), ("coder",)]),
        ("tool_calls", [("planner",), ("coder",)]),
        ("messages", [("planner",), ("coder",)]),
    ],
)
def test_steps_calls_and_messages_have_their_agent(tmp_path, table, expected):
    order = "step" if table == "steps" else "position"
    with stored(tmp_path, *TEAM) as store:
        assert store.rows(f"SELECT agent FROM {table} ORDER BY {order}") == expected


def test_one_agent_without_a_name_is_null(tmp_path):
    with stored(tmp_path, *TEAM[:3]) as store:
        assert store.rows("SELECT count(agent) FROM spans") == [(0,)]


def test_one_agent_with_a_name_has_it(tmp_path):
    named = {**TEAM[0], "attributes": {**TEAM[0]["attributes"], "gen_ai.agent.name": "Ann"}}
    with stored(tmp_path, named, *TEAM[1:3]) as store:
        assert store.rows("SELECT DISTINCT agent FROM steps") == [("Ann",)]


NODES = {
    "a node of a graph": {"graph.node.id": "coder"},
    "LangGraph's metadata": {"metadata": json.dumps({"langgraph_node": "coder"})},
    "a graph in a node": {
        "metadata": json.dumps({"langgraph_node": "agent", "langgraph_checkpoint_ns": "coder:1|agent:2"})
    },
    "metadata by names": {"metadata.langgraph_node": "coder"},
    "OpenTelemetry's name": {"gen_ai.agent.name": "coder"},
    "Pydantic AI's name": {"agent_name": "coder"},
}


@pytest.mark.parametrize("attributes", NODES.values(), ids=NODES)
def test_names_of_agents_and_nodes_are_understood(tmp_path, attributes):
    with stored(tmp_path, span("root", "", 0, "CHAIN"), span("l", "root", 1, "LLM", **attributes)) as store:
        assert store.rows("SELECT agent FROM steps") == [("coder",)]


def test_nodes_that_every_agent_has_name_nobody(tmp_path):
    llm = span("l", "root", 1, "LLM", **{"metadata": json.dumps({"langgraph_node": "agent"})})
    with stored(tmp_path, span("root", "", 0, "CHAIN"), llm) as store:
        assert store.rows("SELECT agent FROM steps") == [(None,)]


def test_author_of_a_message_is_its_agent(tmp_path):
    given = said("user", "look", "critic", "llm.input_messages.0.message")
    llm = span("l", "root", 1, "LLM", **given, **said("assistant", "yes", "writer"))
    with stored(tmp_path, span("root", "", 0, "AGENT"), llm) as store:
        assert store.rows("SELECT role, agent FROM messages ORDER BY position") == [
            ("user", "critic"),
            ("assistant", "writer"),
        ]


def test_name_of_a_tool_message_is_no_agent(tmp_path):
    given = said("tool", "42", "look", "llm.input_messages.0.message")
    with stored(tmp_path, span("root", "", 0, "AGENT"), span("l", "root", 1, "LLM", **given)) as store:
        assert store.rows("SELECT agent FROM messages") == [(None,)]


def test_calls_of_agents_at_work_together_go_to_the_step_of_their_agent(tmp_path):
    spans = [
        span("root", "", 0, "CHAIN"),
        *(span(name, "root", 1 + n, "AGENT") for n, name in enumerate("ab")),
        span("la", "a", 3, "LLM", **said("assistant", "A")),
        span("lb", "b", 4, "LLM", **said("assistant", "B")),
        span("ta", "a", 5, "TOOL", **{"tool.name": "one", "input.value": "{}"}),
        span("tb", "b", 6, "TOOL", **{"tool.name": "two", "input.value": "{}"}),
    ]
    with stored(tmp_path, *spans) as store:
        assert store.rows("SELECT step, agent, tool FROM steps ORDER BY step") == [(0, "a", "one"), (1, "b", "two")]


@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
@pytest.mark.parametrize(("agent", "found"), [("coder", 1), ("cod*", 1), ("critic", 0)])
def test_attempts_are_filtered_by_agent(tmp_path, contents, agent, found):
    with stored(tmp_path, *TEAM, contents=contents) as store:
        assert len(traces(store, TraceFilter(agent=agent)).rows) == found


@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
def test_agents_are_shown_where_there_are_several(tmp_path, contents):
    with stored(tmp_path, *TEAM, contents=contents) as store:
        lines = list(show(store, "t").lines())
    assert any(line.startswith("    LLM  code  agent coder") or "LLM  code  agent coder" in line for line in lines)


def test_one_agent_is_not_shown(tmp_path):
    with stored(tmp_path, *TEAM[:3]) as store:
        assert not any("agent " in line for line in show(store, "t").lines() if "LLM" in line)


@pytest.mark.parametrize("agent", ["codr", "Coder", "code?s*"])
def test_an_agent_that_no_span_names_is_an_error_that_lists_those_there_are(tmp_path, agent):
    with stored(tmp_path, *TEAM) as store:
        for there in ("coder", "c*", None):
            need_agent(store, TraceFilter(agent=there))
        with pytest.raises(InputError) as error:
            need_agent(store, TraceFilter(agent=agent))
    assert str(error.value) == f"no agent is called '{agent}'; there are: coder, planner"


def test_without_agents_in_the_traces_the_error_says_so(tmp_path):
    with stored(tmp_path, span("plan", "", 1, "LLM")) as store, pytest.raises(InputError, match="name no agents"):
        need_agent(store, TraceFilter(agent="coder"))


def test_the_verbs_refuse_an_agent_that_is_not_there(tmp_path, capsys):
    stored(tmp_path, *TEAM).close()
    traces_file = str(tmp_path / "t.jsonl")
    for verb in (
        ["traces", traces_file],
        ["stats", "steps", traces_file],
        ["search", "do it", "--traces", traces_file],
    ):
        assert run([*verb, "--agent", "nobody", "--store", str(tmp_path / "s.duckdb")]) == 2
        assert "there are: coder, planner" in capsys.readouterr().err
