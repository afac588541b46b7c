"""Messages of every client library come out alike: the same roles, calls, results and steps."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_tools import JUNK, as_document, as_lines, few, spoiled, stored, survives

from halo_opt.store import Store, build_store
from halo_opt.store.readers.conversation import content_of, steps_of
from halo_opt.store.readers.message_layouts import is_message, normal
from halo_opt.store.readers.text_calls import calls_in_text, results_in_text

CASES = Path(__file__).parents[3] / "data" / "cases"
ASKED = {"name": "get", "arguments": {"a": 1}}
TEXT = json.dumps(ASKED)
# One conversation in each layout: the user asks, the agent calls get(a=1), gets 2, and says done.
LAYOUTS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": ASKED}]},
        {"role": "tool", "tool_call_id": "1", "content": "2"},
        {"role": "assistant", "content": "done"},
    ],
    "openai function_call": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "get", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "get", "content": "2"},
        {"role": "assistant", "content": "done"},
    ],
    "responses": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "1", "name": "get", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "1", "output": "2"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
    ],
    "anthropic": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "get", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "2"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get", "args": {"a": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "get", "response": "2"}}]},
        {"role": "model", "parts": [{"text": "done"}]},
    ],
    "langchain": [
        {"type": "human", "content": "hi"},
        {"type": "ai", "content": "", "tool_calls": [{"id": "1", "name": "get", "args": {"a": 1}}]},
        {"type": "tool", "tool_call_id": "1", "content": "2"},
        {"type": "ai", "data": {"content": "done"}},
    ],
    "langchain messages_to_dict": [
        {"type": "human", "data": {"content": "hi"}},
        {"type": "ai", "data": {"content": "", "tool_calls": [{"id": "1", "name": "get", "args": {"a": 1}}]}},
        {"type": "tool", "data": {"tool_call_id": "1", "content": "2"}},
        {"type": "ai", "data": {"content": "done"}},
    ],
    "results under the tool's name": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": ASKED}]},
        {"role": "get", "content": "2"},
        {"role": "assistant", "content": "done"},
    ],
    "ai sdk": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "get", "input": {"a": 1}}],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": "2"}}],
        },
        {"role": "assistant", "content": "done"},
    ],
    "sharegpt": [
        {"from": "human", "value": "hi"},
        {"from": "function_call", "value": TEXT},
        {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "done"},
    ],
    "hermes": [
        {"from": "human", "value": "hi"},
        {"from": "gpt", "value": f"<tool_call>\n{TEXT}\n</tool_call>"},
        {"from": "tool", "value": "<tool_response>\n2\n</tool_response>"},
        {"from": "gpt", "value": "done"},
    ],
    "react": [
        {"role": "human", "content": "hi"},
        {"role": "ai", "content": 'Thought: look.\nAction: get\nAction Input: {"a": 1}'},
        {"role": "human", "content": "Observation: 2"},
        {"role": "ai", "content": "done"},
    ],
    "qwen coder": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "<tool_call><function=get>\n<parameter=a>\n1\n</parameter>\n</function></tool_call>",
        },
        {"role": "user", "content": "2"},
        {"role": "assistant", "content": "done"},
    ],
    "calls as text": [
        {"role": "user", "content": "hi"},
        {"role": "bot", "content": None, "tool_calls": json.dumps([ASKED])},
        {"role": "tool", "content": "2"},
        {"role": "bot", "content": "done"},
    ],
    "chatgpt export": [
        {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hi"]}},
        {"author": {"role": "assistant"}, "content": {"content_type": "code", "text": TEXT}},
        {"author": {"role": "tool"}, "content": {"content_type": "text", "parts": ["2"]}},
        {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["done"]}},
    ],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_gives_the_same_calls(name):
    _, calls = steps_of("t", normal(LAYOUTS[name]))
    assert [(c.tool, json.loads(c.arguments or "")["a"] in (1, "1"), c.result) for c in calls] == [("get", True, "2")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_gives_the_same_steps(name):
    steps, _ = steps_of("t", normal(LAYOUTS[name]))
    assert [(step.tool, step.result) for step in steps] == [("get", "2"), ("respond", None)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_read_from_a_chat_file(tmp_path, name):
    with stored(as_document(tmp_path / "x.json", {"messages": LAYOUTS[name], "reward": 1})) as store:
        assert store.rows("SELECT outcome, goal, steps FROM attempts") == [("success", "hi", 2)]


@pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if name not in ("langchain", "langchain messages_to_dict", "chatgpt export")]
)
def test_layout_is_read_without_a_record_around_it(tmp_path, name):
    with stored(as_document(tmp_path / "x.json", LAYOUTS[name])) as store:
        assert store.rows("SELECT steps FROM attempts") == [(2,)]


@pytest.mark.parametrize(
    "field", ["messages", "conversations", "history", "trajectory", "dialog", "turns", "conversation", "contents"]
)
def test_messages_stand_under_any_usual_name(tmp_path, field):
    with stored(as_lines(tmp_path / "x.jsonl", {field: LAYOUTS["openai"], "task_id": "a"})) as store:
        assert store.rows("SELECT task_id, steps FROM attempts") == [("a", 2)]


def test_messages_may_be_json_text(tmp_path):
    with stored(as_lines(tmp_path / "x.jsonl", {"messages": json.dumps(LAYOUTS["anthropic"])})) as store:
        assert store.rows("SELECT steps FROM attempts") == [(2,)]


def test_a_message_a_line_is_one_conversation(tmp_path):
    with stored(as_lines(tmp_path / "x.jsonl", *LAYOUTS["openai"])) as store:
        assert store.rows("SELECT steps, goal FROM attempts") == [(2, "hi")]


@pytest.mark.parametrize("wrapper", ["results", "logs", "data", "trajectories", "conversations"])
def test_records_in_a_wrapper_are_read(tmp_path, wrapper):
    record = {"messages": LAYOUTS["openai"], "reward": 1, "task_id": "a"}
    document = {"model": "m-1", wrapper: [record, {**record, "task_id": "b"}]}
    with stored(as_document(tmp_path / "x.json", document)) as store:
        assert store.rows("SELECT task_id, model, outcome FROM attempts ORDER BY 1") == [
            ("a", "m-1", "success"),
            ("b", "m-1", "success"),
        ]


def test_reply_beside_the_request_is_the_last_message(tmp_path):
    reply = {"choices": [{"message": {"role": "assistant", "content": "done"}}]}
    record = {"request": {"messages": LAYOUTS["openai"][:3]}, "response": reply}
    with stored(as_lines(tmp_path / "x.jsonl", record)) as store:
        assert store.rows("SELECT tool FROM steps ORDER BY step") == [("get",), ("respond",)]


@pytest.mark.parametrize(
    "record",
    [
        {"input": "hi", "output": LAYOUTS["responses"][2:]},
        {"input": LAYOUTS["responses"][:3], "output": LAYOUTS["responses"][3:]},
        {"output": LAYOUTS["responses"]},
    ],
    ids=["text and items", "items and items", "items alone"],
)
def test_response_of_openai_is_a_conversation(tmp_path, record):
    with stored(as_lines(tmp_path / "x.jsonl", {**record, "usage": {"input_tokens": 9}})) as store:
        assert store.rows("SELECT steps, tokens_in FROM attempts") == [(2, 9)]


def test_instructions_beside_the_messages_are_the_first_message(tmp_path):
    with stored(as_lines(tmp_path / "x.jsonl", {"system": "Be kind.", "messages": LAYOUTS["openai"]})) as store:
        assert store.rows("SELECT role, content FROM messages WHERE position = 0") == [("system", "Be kind.")]


def test_conversation_without_messages_is_an_attempt_without_steps(tmp_path):
    path = as_lines(tmp_path / "x.jsonl", {"messages": LAYOUTS["openai"]}, {"messages": [], "error": "timeout"})
    with stored(path) as store:
        assert store.rows("SELECT outcome, steps FROM attempts ORDER BY line") == [(None, 2), ("error", 0)]


def test_items_of_one_reply_are_one_step():
    items = [
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look"}]},
        {"type": "function_call", "call_id": "1", "name": "get", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "put", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "2", "output": "b"},
        {"type": "function_call_output", "call_id": "1", "output": "a"},
    ]
    steps, calls = steps_of("t", normal(items))
    assert [step.reply for step in steps] == ["I look"]
    assert [(call.tool, call.result) for call in calls] == [("get", "a"), ("put", "b")]


def test_call_of_the_client_itself_has_its_result():
    items = [{"type": "web_search_call", "id": "1", "action": {"query": "x"}, "status": "failed", "results": ["r"]}]
    _, calls = steps_of("t", normal(items))
    assert [(c.tool, c.arguments, c.result, c.error_type) for c in calls] == [
        ("web_search", '{"query": "x"}', "r", "tool_error")
    ]


def test_name_of_a_message_is_its_agent():
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "name": "Planner", "content": "plan"}]
    steps, _ = steps_of("t", normal(messages))
    assert steps[0].agent == "Planner"


def test_error_of_a_tool_message_is_the_error_of_its_call():
    asked = {"id": "c", "function": "pay", "args": {"id": 7}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "content": ""}], "error": "ValueError: no"},
    ]
    _, [call] = steps_of("t", normal(messages))
    assert (call.tool, call.arguments, call.error) == ("pay", '{"id": 7}', "ValueError: no")


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Action: search[red shoes]", [("search", "red shoes")]),
        ("Thought: x\nAction 2: lookup[y]", [("lookup", "y")]),
        ('Action:\n```json\n{"action": "go", "action_input": "x"}\n```', [("go", "x")]),
        ('<functioncall> {"name": "f", "arguments": "{}"} <|endoftext|>', [("f", "{}")]),
        ('<invoke name="f"><parameter name="a">1</parameter></invoke>', [("f", '{"a": "1"}')]),
        ('<tool_call>{broken "name": "f"</tool_call>', [("f", '{broken "name": "f"')]),
        (
            '<tool_call>{"name": "a", "arguments": {}}</tool_call><tool_call>{"name": "b", "arguments": {}}',
            [("a", "{}"), ("b", "{}")],
        ),
        ('```json\n{"tool": "f", "args": {"a": 1}}\n```', [("f", '{"a": 1}')]),
        ('<|python_tag|>{"name": "f", "parameters": {}}', [("f", "{}")]),
        ('[TOOL_CALLS] [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]', [("f", "{}"), ("g", "{}")]),
        ("I took the Action: nothing.", []),
        ('{"name": "Ann", "age": 3}', []),
        ("plain words", []),
    ],
)
def test_calls_are_found_in_texts(text, calls):
    found = [(call["function"]["name"], call["function"]["arguments"]) for call in calls_in_text(text, whole=False)]
    assert found == calls


@pytest.fixture
def other_roles(tmp_path):
    build_store([CASES / "chat_other_roles"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        yield store


def test_other_names_of_roles_make_steps(other_roles):
    assert other_roles.rows("SELECT task_id, steps, goal FROM attempts WHERE steps > 0 ORDER BY 1") == [
        ("b", 1, "Hi"),
        ("c", 1, "Hi"),
    ]


def test_unknown_roles_make_no_steps_and_a_warning_names_them(other_roles):
    [warning] = [text for text in other_roles.summary().warnings if "no steps" in text]
    assert "WebSurfer" in warning
    assert "assistant, ai, model" in warning
    assert "Give the messages of the agent the role assistant" in warning


def test_attempts_without_calls_are_told_with_what_was_looked_for(other_roles):
    [warning] = [text for text in other_roles.summary().warnings if "no tool calls" in text]
    assert warning.startswith("2 attempts")
    assert "tool_calls, function_call" in warning


@given(st.lists(st.one_of(JUNK, st.sampled_from([m for layout in LAYOUTS.values() for m in layout])), max_size=6))
def test_any_list_is_a_conversation(messages):
    found = normal(messages)
    assert all(isinstance(message["role"], str) for message in found)
    steps_of("t", found)
    assert all(content_of(message) is None or isinstance(content_of(message), str) for message in found)


@given(st.text(alphabet='Action: Input[]{}<>/=_`"\ntolcfunprmse', max_size=80), st.booleans())
def test_any_text_is_looked_at_for_calls(text, whole):
    assert all(isinstance(call["function"]["name"], str) for call in calls_in_text(text, whole=whole))
    assert results_in_text(text) != []


@given(JUNK)
def test_any_value_is_a_message_or_not(value):
    assert is_message(value) in (True, False)


@few
@given(st.sampled_from(sorted(LAYOUTS)).flatmap(lambda name: spoiled({"messages": LAYOUTS[name], "reward": 1})))
def test_spoiled_layouts_give_rows_or_rejects(record):
    survives(
        lambda folder: as_lines(folder / "bad.jsonl", record),
        lambda folder: as_lines(folder / "good.jsonl", {"messages": LAYOUTS["openai"]}),
    )
