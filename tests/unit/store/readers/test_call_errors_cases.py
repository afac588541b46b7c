"""Errors that stand in results, in the formats in which they were missed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from reader_tools import stored

from halo_opt.store import Store

CASES = Path(__file__).parents[3] / "data" / "cases"


def case(tmp_path: Path, name: str) -> Store:
    """The store of a case, from a copy of its folder."""
    place = tmp_path / name
    shutil.copytree(CASES / name, place)
    return stored(place)


def errors(tmp_path: Path, name: str) -> list[tuple[int, str, str]]:
    with case(tmp_path, name) as store:
        return store.rows("SELECT step, error_type, error FROM steps WHERE error_type IS NOT NULL ORDER BY step")


def test_sql_engines_say_what_is_wrong(tmp_path):
    found = errors(tmp_path, "intercode_sql_errors")
    assert [(step, kind) for step, kind, _ in found] == [(0, "tool_error"), (1, "format"), (2, "tool_error")]


@pytest.mark.parametrize(
    ("step", "words"), [(0, "doesn't exist"), (1, "No SQL code was found"), (2, "error in your SQL syntax")]
)
def test_an_engines_own_words_are_the_error(tmp_path, step, words):
    assert words in errors(tmp_path, "intercode_sql_errors")[step][2]


def test_swe_agent_steps_fail_by_traceback_linter_and_flag(tmp_path):
    assert errors(tmp_path, "swe_agent_errors") == [
        (0, "tool_error", "ModuleNotFoundError: No module named 'nothing'"),
        (
            1,
            "tool_error",
            "Your proposed edit has introduced new syntax error(s): E999 SyntaxError: '(' was never closed",
        ),
        (2, "tool_error", "Wrong flag!"),
    ]


def test_replies_that_a_harness_could_not_parse_are_format_errors(tmp_path):
    assert [kind for _, kind, _ in errors(tmp_path, "atif_parse_error")] == ["format", "format"]


def test_an_error_stands_beside_the_call_that_gave_it(tmp_path):
    with case(tmp_path, "parallel_calls") as store:
        sql = "SELECT DISTINCT tool, arguments, result, error FROM steps WHERE error IS NOT NULL"
        words = "Error: card declined"
        assert store.rows(sql) == [("pay_invoice", '{"id": "b"}', words, words)]


def test_each_parallel_call_keeps_its_own_result(tmp_path):
    with case(tmp_path, "parallel_calls") as store:
        assert store.rows("SELECT DISTINCT tool, result, error_type FROM tool_calls ORDER BY ALL") == [
            ("pay_invoice", "Error: card declined", "tool_error"),
            ("pay_invoice", "paid", None),
            ("read_file", "contents of a", None),
        ]


def trajectory(tmp_path: Path, *steps: dict[str, Any]) -> Store:
    record = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "a", "version": "1"}}
    numbered = [{"step_id": n, **step} for n, step in enumerate(steps, start=1)]
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps({**record, "steps": numbered}))
    return stored(path)


ASKED = {"source": "user", "message": "Make a file."}
CALL = {"tool_call_id": "c", "function_name": "bash", "arguments": {"command": "foo"}}


def test_a_complaint_in_a_message_of_its_own_belongs_to_the_reply_before(tmp_path):
    complaint = {"source": "user", "message": "Previous response had parsing errors:\nERROR: No valid JSON"}
    reply = {"source": "agent", "message": "I will."}
    with trajectory(tmp_path, ASKED, reply, complaint, reply) as store:
        assert store.rows("SELECT step, error_type FROM steps ORDER BY step") == [(0, "format"), (1, None)]


def test_results_in_a_step_of_the_environment_belong_to_the_calls_before(tmp_path):
    called = {"source": "agent", "message": "", "tool_calls": [CALL]}
    results = {"results": [{"source_call_id": "c", "content": "bash: foo: command not found"}]}
    with trajectory(tmp_path, ASKED, called, {"source": "system", "observation": results}) as store:
        assert store.rows("SELECT error_type, error FROM tool_calls") == [
            ("tool_error", "bash: foo: command not found")
        ]


def test_the_spans_of_parallel_calls_lie_beside_each_other(tmp_path):
    with case(tmp_path, "parallel_calls") as store:
        sql = "SELECT DISTINCT tool, parent_span_id FROM spans WHERE kind = 'TOOL' ORDER BY ALL"
        assert store.rows(sql) == [("pay_invoice", "step-0"), ("read_file", "step-0")]
