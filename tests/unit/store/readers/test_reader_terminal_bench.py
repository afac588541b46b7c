"""terminal-bench: verdicts per test, and a trial that broke is no failure."""

import pytest
from hypothesis import given
from reader_tools import as_document, few, packed, spoiled, stored, survives
from samples_agents import TERMINAL_BENCH, terminal_bench

RESULT = TERMINAL_BENCH["results"][0]


def test_attempt_has_verdict_number_tokens_times_and_the_run_its_model(tmp_path):
    columns = "run_id, task_id, attempt, outcome, score, tokens_in, tokens_out, model, mode, goal, ended_at::VARCHAR"
    with stored(terminal_bench(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            (
                *("run-1", "hello-world", 1, "failure", 0.0, 300, 40, "m-6", "terminus", "Make hello.txt"),
                "2026-05-04 10:03:00",
            )
        ]
        assert store.rows("SELECT kind FROM spans") == [("AGENT",)]
        assert store.rows("SELECT name, value, label FROM scores ORDER BY name") == [
            ("reward", 0.0, "failure"),
            ("test_content", 0.0, "failed"),
            ("test_exists", 1.0, "passed"),
        ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"failure_mode": "agent_timeout"}, ("failure", 0.0, None, "time_limit")),
        ({"failure_mode": "agent_timeout", "is_resolved": True}, ("success", 1.0, None, "time_limit")),
        ({"failure_mode": "context_length_exceeded"}, ("failure", 0.0, None, "context_limit")),
        ({"failure_mode": "unknown_agent_error"}, ("error", None, "harness_crashed", "error")),
        ({"failure_mode": "agent_installation_failed"}, ("error", None, "environment_error", "error")),
        ({"failure_mode": "test_timeout", "is_resolved": None}, ("error", None, "environment_error", "error")),
        ({"is_resolved": None}, (None, None, None, None)),
    ],
)
def test_failure_mode_tells_the_infrastructure_from_the_agent(changes, expected, tmp_path):
    record = {**TERMINAL_BENCH, "results": [{**RESULT, **changes}]}
    with stored(as_document(tmp_path / "results.json", record)) as store:
        assert store.rows("SELECT outcome, score, cause, end_reason FROM attempts") == [expected]


def test_results_without_a_task_are_rejected_with_their_place(tmp_path):
    record = {**TERMINAL_BENCH, "results": [RESULT, None, {"is_resolved": True}]}
    with stored(as_document(tmp_path / "results.json", record)) as store:
        assert store.rows("SELECT line, reason FROM rejects ORDER BY line") == [
            (2, "result without task_id"),
            (3, "result without task_id"),
        ]


def test_packed_file_reads_the_same(tmp_path):
    sql = "SELECT task_id, attempt, outcome, tokens_in FROM attempts"
    path = terminal_bench(tmp_path)
    with stored(path) as plain, stored(packed(path)) as unpacked:
        assert plain.rows(sql) == unpacked.rows(sql)


@few
@given(spoiled(TERMINAL_BENCH))
def test_junk_in_any_field_never_stops_an_import(record):
    survives(lambda folder: as_document(folder / "results.json", record), terminal_bench)
