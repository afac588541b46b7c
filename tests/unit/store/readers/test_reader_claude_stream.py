"""What `claude -p` prints as stream-json and json: one attempt, with the totals that its result states."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from platform_tools import all_rows, as_lines, few, lines, packed, stored, survives, with_junk
from samples_sessions import (
    CLAUDE_RESULT,
    CLAUDE_STREAM,
    claude_json,
    claude_printed,
    claude_said,
    claude_stream,
    claude_verbose_json,
)

CASE = Path(__file__).parents[3] / "data" / "cases" / "claude_stream_json" / "run.jsonl"


def test_case_has_one_attempt_with_the_totals_of_its_result(tmp_path):
    with stored(Path(shutil.copy(CASE, tmp_path))) as store:
        assert store.rows("SELECT steps, tokens_in, tokens_out, cost_usd, model FROM attempts") == [
            (2, 30, 11, 0.01, "claude-x")
        ]


def test_case_has_one_call_which_failed(tmp_path):
    with stored(Path(shutil.copy(CASE, tmp_path))) as store:
        assert store.rows("SELECT tool, error, error_type FROM tool_calls") == [
            ("Bash", "ls: missing: No such file", "tool_error")
        ]


def test_sub_agent_steps_belong_to_the_session(tmp_path):
    with stored(claude_stream(tmp_path)) as store:
        assert store.rows("SELECT trace_id, steps, end_reason FROM attempts") == [("5e55", 3, "done")]
        assert store.rows("SELECT step, tool, observation, result FROM steps ORDER BY step") == [
            (0, "Task", None, "2 files"),
            (1, "Bash", "Count files", "a b"),
            (2, "respond", "2 files", None),
        ]


def test_sub_agents_are_named_in_steps_calls_and_messages(tmp_path):
    with stored(claude_stream(tmp_path)) as store:
        assert store.rows("SELECT agent FROM steps ORDER BY step") == [(None,), ("explore",), (None,)]
        assert store.rows("SELECT agent FROM tool_calls ORDER BY position") == [(None,), ("explore",)]
        assert store.rows("SELECT count(*) FROM messages WHERE agent = 'explore'") == [(2,)]


def test_cached_tokens_of_the_result_count_as_input(tmp_path):
    with stored(claude_stream(tmp_path)) as store:
        assert store.rows("SELECT tokens_in, tokens_out, cost_usd FROM attempts") == [(1009, 70, 0.25)]


def test_version_of_claude_code_is_the_revision(tmp_path):
    with stored(claude_stream(tmp_path)) as store:
        assert store.rows("SELECT harness_revision FROM attempts") == [("2.1.0",)]


def test_an_array_reads_as_its_lines_do(tmp_path):
    (tmp_path / "array").mkdir()
    columns = "trace_id, steps, tokens_in, cost_usd, end_reason"
    with stored(claude_stream(tmp_path)) as one, stored(claude_verbose_json(tmp_path / "array")) as other:
        assert one.rows(f"SELECT {columns} FROM attempts") == other.rows(f"SELECT {columns} FROM attempts")


def test_the_result_alone_is_an_attempt_with_its_answer(tmp_path):
    with stored(claude_json(tmp_path)) as store:
        assert store.rows("SELECT steps, tokens_in, cost_usd, model FROM attempts") == [(3, 1009, 0.25, "claude-x")]
        assert store.rows("SELECT role, content FROM messages") == [("assistant", "Two files.")]


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"subtype": "error_max_turns", "is_error": False}, "step_limit"),
        ({"subtype": "error_max_budget_usd", "is_error": True}, "cost_limit"),
        ({"subtype": "error_during_execution", "is_error": True}, "error"),
        ({"subtype": "success", "is_error": True}, "error"),
    ],
)
def test_how_a_run_ended(tmp_path, changes, end):
    path = lines(tmp_path / "a.jsonl", *CLAUDE_STREAM[:-1], {**CLAUDE_RESULT, **changes})
    with stored(path) as store:
        assert store.rows("SELECT end_reason, outcome FROM attempts") == [(end, None)]


def test_without_a_result_tokens_are_those_of_the_messages(tmp_path):
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_STREAM[:-1])) as store:
        assert store.rows("SELECT tokens_in, cost_usd, end_reason FROM attempts") == [(3 * 123, None, None)]


def test_two_sessions_in_one_file_are_two_attempts(tmp_path):
    other = [{**line, "session_id": "other"} for line in CLAUDE_STREAM]
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_STREAM, *other)) as store:
        assert store.rows("SELECT trace_id, steps FROM attempts ORDER BY 1") == [("5e55", 3), ("other", 3)]


def test_results_of_one_process_repeat_a_running_cost(tmp_path):
    later = {**CLAUDE_RESULT, "total_cost_usd": 0.5}
    said = claude_said("m9", {"type": "text", "text": "More."})
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_STREAM, said, later)) as store:
        assert store.rows("SELECT steps, cost_usd FROM attempts") == [(4, 0.5)]


def test_failed_model_call_is_an_error_of_its_step(tmp_path):
    said = claude_said("m9", {"type": "text", "text": "API Error: 529"})
    said = {**said, "error": "server_error"}
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_STREAM[:1], said)) as store:
        assert store.rows("SELECT error, end_reason FROM steps JOIN attempts USING (trace_id)") == [
            ("API Error: 529", "error")
        ]


def test_words_between_the_lines_are_rejected_and_the_rest_is_read(tmp_path):
    path = claude_stream(tmp_path)
    path.write_text("npm warn deprecated\n" + path.read_text())
    with stored(path) as store:
        assert store.rows("SELECT line, reason FROM rejects") == [(1, "not JSON")]
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_a_line_without_a_session_belongs_to_the_one_before(tmp_path):
    bare = claude_printed("user", message={"role": "user", "content": "Go on"})
    del bare["session_id"]
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_STREAM[:1], bare, *CLAUDE_STREAM[1:])) as store:
        assert store.rows("SELECT trace_id, goal FROM attempts") == [("5e55", "Go on")]


def test_packed_stream_reads_the_same(tmp_path):
    path = claude_stream(tmp_path)
    assert all_rows(packed(path)) == all_rows(path)


@few
@given(with_junk(CLAUDE_STREAM))
def test_junk_in_any_field_never_stops_an_import(records):
    survives(as_lines(records), "a.jsonl")
