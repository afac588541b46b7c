"""`codex exec --json`: events of today and of the oldest layout give the same steps, calls and totals."""

import pytest
from hypothesis import given
from platform_tools import all_rows, as_lines, few, lines, packed, stored, survives, with_junk
from samples_sessions import CODEX_EXEC, CODEX_EXEC_OLD, codex_exec, codex_exec_old


def test_thread_is_an_attempt_without_outcome(tmp_path):
    with stored(codex_exec(tmp_path)) as store:
        columns = "trace_id, outcome, steps, end_reason, tokens_in, tokens_out"
        assert store.rows(f"SELECT {columns} FROM attempts") == [("0199-exec", None, 4, "done", 120, 12)]


def test_items_up_to_the_next_result_are_one_step(tmp_path):
    with stored(codex_exec(tmp_path)) as store:
        assert store.rows("SELECT step, tool, observation, reply, error_type FROM steps ORDER BY step") == [
            (0, "shell", None, None, "tool_error"),
            (1, "apply_patch", "1 failed", None, None),
            (2, "docs.find", None, None, "tool_error"),
            (3, "respond", "no such page", "Done.", None),
        ]


def test_call_begun_and_ended_is_one_call(tmp_path):
    with stored(codex_exec(tmp_path)) as store:
        assert store.rows("SELECT tool, arguments, result, error FROM tool_calls ORDER BY position") == [
            ("shell", "bash -lc pytest", "1 failed", "1 failed"),
            ("apply_patch", '[{"path": "a.py", "kind": "update"}]', None, None),
            ("docs.find", '{"q": "x"}', "no such page", "no such page"),
        ]


def test_two_calls_at_a_time_are_one_step(tmp_path):
    def item(event: str, name: str, **fields: object) -> dict[str, object]:
        return {"type": event, "item": {"id": name, "type": "command_execution", "command": name, **fields}}

    path = lines(
        tmp_path / "a.jsonl",
        item("item.started", "a"),
        item("item.started", "b"),
        item("item.completed", "b", aggregated_output="B", exit_code=0),
        item("item.completed", "a", aggregated_output="A", exit_code=0),
    )
    with stored(path) as store:
        assert store.rows("SELECT step, tool, result FROM tool_calls ORDER BY position") == [
            (0, "shell", "A"),
            (0, "shell", "B"),
        ]


@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({"command": "bash -lc 'grep x a.txt'", "exit_code": 1, "status": "failed"}, None),
        ({"command": "make", "exit_code": 2, "status": "failed"}, "tool_error"),
        ({"command": "rm -r /", "exit_code": None, "status": "declined"}, "blocked"),
        ({"command": "make", "exit_code": 0, "status": "completed"}, None),
    ],
)
def test_status_and_exit_code_tell_how_a_command_went(tmp_path, fields, error_type):
    item = {"id": "i", "type": "command_execution", "aggregated_output": "out", **fields}
    with stored(lines(tmp_path / "a.jsonl", {"type": "item.completed", "item": item})) as store:
        assert store.rows("SELECT error_type FROM tool_calls") == [(error_type,)]


def test_turns_of_one_thread_add_up(tmp_path):
    with stored(lines(tmp_path / "a.jsonl", *CODEX_EXEC, *CODEX_EXEC[1:])) as store:
        assert store.rows("SELECT steps, tokens_in FROM attempts") == [(8, 240)]


def test_failed_turn_is_an_end_by_error(tmp_path):
    failed = [
        {"type": "error", "message": "stream ended"},
        {"type": "turn.failed", "error": {"message": "stream ended"}},
    ]
    with stored(lines(tmp_path / "a.jsonl", *CODEX_EXEC[:2], *failed)) as store:
        assert store.rows("SELECT end_reason, steps FROM attempts") == [("error", 1)]
        assert store.rows("SELECT error FROM steps") == [("stream ended",)]


def test_item_type_of_earlier_versions_is_understood(tmp_path):
    item = {"id": "i", "item_type": "assistant_message", "text": "Hello."}
    path = lines(
        tmp_path / "a.jsonl", {"type": "session.created", "session_id": "s"}, {"type": "item.completed", "item": item}
    )
    with stored(path) as store:
        assert store.rows("SELECT trace_id, reply FROM steps") == [("s", "Hello.")]


def test_oldest_layout(tmp_path):
    with stored(codex_exec_old(tmp_path)) as store:
        columns = "goal, model, steps, tokens_in, tokens_out, end_reason"
        assert store.rows(f"SELECT {columns} FROM attempts") == [("Fix the failing test", "gpt-5", 3, 120, 12, "done")]
        assert store.rows("SELECT tool, result, error_type FROM tool_calls ORDER BY position") == [
            ("shell", "1 failed", "tool_error"),
            ("docs.find", "page 1", None),
        ]


def test_packed_thread_reads_the_same(tmp_path):
    path = codex_exec(tmp_path)
    assert all_rows(packed(path)) == all_rows(path)


@few
@given(with_junk(CODEX_EXEC))
def test_junk_in_any_field_never_stops_an_import(records):
    survives(as_lines(records), "a.jsonl")


@few
@given(with_junk(CODEX_EXEC_OLD))
def test_junk_in_the_oldest_layout_never_stops_an_import(records):
    survives(as_lines(records), "a.jsonl")
