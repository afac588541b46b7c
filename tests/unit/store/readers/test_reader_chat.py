"""Conversations in general: the usual field names are found, other layouts of messages come out alike."""

import json

import pytest
from hypothesis import given
from reader_tools import as_document, as_lines, few, same_when_packed, spoiled, stored, survives
from samples import CHAT, chat, chat_array, chat_bare


def test_attempt_has_what_its_fields_tell(tmp_path):
    columns = "run_id, task_id, seed, attempt, outcome, score, model, tokens_in, tokens_out, steps, goal, cost_usd"
    with stored(chat(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("chat", "order-7", 3, 0, "failure", 0.0, "m-2", 90, 12, 2, "Where is\norder 7?", None)
        ]
        assert store.rows("SELECT name, value, source FROM scores") == [("reward", 0.0, "chat")]
        [(rest,)] = store.rows("SELECT attributes FROM spans WHERE kind = 'AGENT'")
        assert json.loads(rest)["chat.metadata"] == {"split": "test"}


def test_steps_and_calls_have_their_results_by_id(tmp_path):
    with stored(chat(tmp_path)) as store:
        assert store.rows("SELECT tool, arguments, result, error_type FROM tool_calls ORDER BY position") == [
            ("find", '{"id": 7}', "Error: no such order", "tool_error"),
            ("stock", "{}", "3", None),
        ]
        assert store.rows("SELECT step, tool, reply, error_type FROM steps ORDER BY step") == [
            (0, "find", "I look it up", "tool_error"),
            (1, "respond", "There is no order 7.", None),
        ]
        roles = store.rows("SELECT role FROM messages ORDER BY position")
        assert [role for (role,) in roles] == ["system", "user", "assistant", "tool", "tool", "assistant"]


def test_repeated_task_and_seed_is_another_attempt(tmp_path):
    with stored(chat_array(tmp_path)) as store:
        assert store.rows("SELECT task_id, attempt, line FROM attempts ORDER BY 2") == [
            ("order-7", 0, 1),
            ("order-7", 1, 2),
        ]


def test_array_of_messages_is_one_conversation_without_outcome(tmp_path):
    with stored(chat_bare(tmp_path)) as store:
        assert store.rows("SELECT task_id LIKE 'goal-%', outcome, score, steps FROM attempts") == [
            (True, None, None, 2)
        ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"success": True}, ("success", None)),
        ({"score": 1}, ("success", 1.0)),
        ({"metadata": {"reward": 0.5}}, ("failure", 0.5)),
        ({"outcome": "failed"}, ("failure", None)),
        ({"is_resolved": False}, ("failure", None)),
        ({"total_reward": 1.0}, ("success", 1.0)),
        ({"error": "timeout"}, ("error", None)),
        ({"outcome": "error", "reward": 0}, ("error", None)),
        ({"reward": None}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_outcome_is_told_in_many_ways_or_not_at_all(fields, expected, tmp_path):
    with stored(as_lines(tmp_path / "x.jsonl", {"messages": CHAT["messages"], **fields})) as store:
        assert store.rows("SELECT outcome, score FROM attempts") == [expected]


def test_anthropic_blocks_and_function_calls_are_calls_too(tmp_path):
    blocks = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "I look"},
                {"type": "tool_use", "id": "t", "name": "look", "input": {"q": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "gone", "is_error": True}],
        },
    ]
    older = [
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "here"},
    ]
    with stored(as_lines(tmp_path / "x.jsonl", {"messages": blocks}, {"messages": older})) as store:
        sql = "SELECT tool, c.arguments, result, error_type FROM tool_calls c JOIN attempts USING (trace_id)"
        assert store.rows(f"{sql} ORDER BY line") == [
            ("look", '{"q": 1}', "gone", "tool_error"),
            ("look", "{}", "here", None),
        ]
        assert store.rows("SELECT reply FROM steps WHERE reply IS NOT NULL") == [("hm\n\nI look",)]
        assert store.rows(
            "SELECT role, content FROM messages JOIN attempts USING (trace_id) WHERE line = 1 ORDER BY position"
        ) == [
            ("user", "hi"),
            ("assistant", "I look"),
            ("tool", "gone"),
        ]


def test_record_without_usable_messages_is_rejected_with_its_place(tmp_path):
    path = as_lines(tmp_path / "x.jsonl", CHAT, {"messages": "hi"}, {"messages": [7]}, {"other": 1}, None)
    with stored(path) as store:
        assert store.rows("SELECT line, split_part(reason, ' (', 1) FROM rejects ORDER BY line") == [
            (2, "wrong type: messages is not a list of messages"),
            (3, "wrong type: messages is not a list of messages"),
            (4, "missing field messages"),
            (5, "not an object but null"),
        ]


def test_times_may_count_seconds_or_be_written_out(tmp_path):
    record = {**CHAT, "created_at": 1_777_888_800, "ended_at": "2026-05-04T12:00:01+02:00"}
    with stored(as_lines(tmp_path / "x.jsonl", record)) as store:
        assert store.rows("SELECT started_at::VARCHAR, ended_at::VARCHAR FROM attempts") == [
            ("2026-05-04 10:00:00", "2026-05-04 10:00:01")
        ]


def test_record_longer_than_what_is_sniffed_is_recognised(tmp_path):
    long = {**CHAT, "messages": [{"role": "user", "content": "long " * 50_000}]}
    for name, write in (("a.jsonl", as_lines), ("b.json", as_document)):
        with stored(write(tmp_path / name, long)) as store:
            assert store.rows("SELECT length(goal) FROM attempts") == [(250_000,)]


def test_packed_file_reads_the_same(tmp_path):
    assert same_when_packed(chat_array(tmp_path))


@few
@given(spoiled(CHAT))
def test_junk_in_any_field_never_stops_an_import(record):
    survives(lambda folder: as_lines(folder / "x.jsonl", record), chat)
