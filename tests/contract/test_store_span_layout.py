"""The span layout that a harness writes, as the store reads it: every agreed attribute lands in its column."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store

RUN = Path(__file__).parents[1] / "data" / "run-folder"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = tmp_path_factory.mktemp("layout") / "s.duckdb"
    build_store([RUN], place)
    with Store.open(place) as opened:
        yield opened


def test_root_span_and_result_line_make_the_attempt(store):
    columns = "run_id, outcome, score, end_reason, mode, model, harness_revision, goal, steps, step_limit, started_at"
    assert store.rows(f"SELECT {columns} FROM attempts WHERE task_id = 'enter-name' AND seed = 1") == [
        (
            "small",
            "failure",
            0.0,
            "step_limit",
            "local",
            "smollm2-135m",
            "abc1234",
            "Enter Bob and submit",
            3,
            8,
            datetime(2026, 5, 4, 10, 0),
        )
    ]


def test_chain_spans_make_the_steps_in_order(store):
    columns = "step, tool, target, result, error_type, error, page_changed, empty_fields, submits"
    assert store.rows(f"SELECT {columns} FROM steps WHERE trace_id = ? ORDER BY step", ["b2" * 16]) == [
        (0, None, None, None, "format", "the reply is not a JSON object", None, 1, False),
        (1, "click", "9", "there is no element 9", "unknown_target", "there is no element 9", None, 1, False),
        (2, "click", "button 'Submit'", "clicked", None, None, False, 1, True),
    ]


def test_step_holds_what_the_worker_saw_said_and_did(store):
    columns = "observation, reply, arguments, span_id"
    assert store.rows(f"SELECT {columns} FROM steps WHERE trace_id = ? AND step = 1", ["a1" * 16]) == [
        (
            "[1] button 'Submit'\n[2] textbox 'Name' value 'Ann'",
            '{"action": "click", "target": 1}',
            '{"target": 1}',
            "a1a1a1a1a1a1c001",
        )
    ]


def test_every_span_is_kept_with_its_kind_status_and_attributes(store):
    assert store.rows("SELECT kind, count(*) FROM spans WHERE trace_id = ? GROUP BY 1 ORDER BY 1", ["b2" * 16]) == [
        ("AGENT", 1),
        ("CHAIN", 3),
        ("LLM", 3),
        ("TOOL", 2),
    ]
    sql = "SELECT status, status_message, attributes->>'$.\"error.type\"', resource->>'$.\"halo.task_id\"' FROM spans"
    assert store.rows(f"{sql} WHERE trace_id = ? AND status = 'error'", ["b2" * 16]) == [
        ("error", "there is no element 9", "unknown_target", "enter-name")
    ]


def test_repeated_system_prompt_is_stored_once_an_attempt(store):
    rows = store.rows("SELECT role FROM messages WHERE trace_id = ? ORDER BY position", ["a1" * 16])
    assert [role for (role,) in rows] == ["system", "user", "assistant", "user", "assistant"]


def test_tool_spans_make_the_tool_calls(store):
    rows = store.rows("SELECT step, position, tool, error_type FROM tool_calls WHERE trace_id = ?", ["b2" * 16])
    assert rows == [(1, 0, "click", "unknown_target"), (2, 1, "click", None)]


def test_span_file_alone_gives_the_same_attempt_as_its_run_folder(tmp_path, store):
    [file] = (RUN / "local").glob("enter-name__seed_1*")
    build_store([file], tmp_path / "s.duckdb")
    columns = "run_id, task_id, seed, attempt, outcome, score, end_reason, goal, steps, step_limit, tokens_in"
    with Store.open(tmp_path / "s.duckdb") as alone:
        assert alone.rows("SELECT format FROM runs") == [("spans",)]
        assert alone.rows(f"SELECT {columns} FROM attempts") == store.rows(
            f"SELECT {columns} FROM attempts WHERE task_id = 'enter-name' AND seed = 1"
        )
        both = "SELECT * FROM steps WHERE trace_id = ? ORDER BY step"
        assert alone.rows(both, ["b2" * 16]) == store.rows(both, ["b2" * 16])
