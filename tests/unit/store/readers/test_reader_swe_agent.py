"""SWE-agent and mini-swe-agent: steps and limits come out, and no success is guessed from a submission."""

import json

import pytest
from hypothesis import given
from reader_tools import as_document, few, same_when_packed, spoiled, stored, survives
from samples_agents import MINI_SWE, SWE_AGENT, mini_swe_agent, swe_agent


def test_attempt_is_named_by_its_file_and_its_run_by_the_experiment(tmp_path):
    columns = "run_id, task_id, outcome, score, end_reason, tokens_in, tokens_out, cost_usd, steps, goal"
    with stored(swe_agent(tmp_path), mini_swe_agent(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts ORDER BY task_id") == [
            ("exp", "repo__1", None, None, "done", 900, 80, 0.3, 3, "Fix the bug"),
            ("exp", "repo__2", "failure", None, "step_limit", 40, 8, 0.5, 2, "Fix the bug"),
        ]
        assert store.rows("SELECT model, step_limit FROM attempts WHERE mode = 'mini-swe-agent'") == [("m-5", 2)]
        assert store.rows("SELECT count(*) FROM runs") == [(1,)]


def test_actions_are_steps_with_what_the_shell_complained_about(tmp_path):
    with stored(swe_agent(tmp_path)) as store:
        assert store.rows("SELECT tool, arguments, observation, error_type FROM steps ORDER BY step") == [
            ("open", "setup.py", "Fix the bug", None),
            ("ls", "/nowhere", "[File: setup.py]", "tool_error"),
            ("submit", "", "ls: cannot access '/nowhere': No such file", None),
        ]
        assert store.rows("SELECT role FROM messages ORDER BY position") == [
            ("system",),
            ("user",),
            ("user",),
            ("assistant",),
        ]
        [(attributes,)] = store.rows("SELECT attributes FROM spans WHERE span_id = 'step-0'")
        assert json.loads(attributes)["swe_agent.state"] == '{"working_dir": "/repo"}'


def test_mini_reads_commands_from_blocks_and_status_from_outputs(tmp_path):
    with stored(mini_swe_agent(tmp_path)) as store:
        assert store.rows("SELECT tool, arguments, error, error_type FROM steps ORDER BY step") == [
            ("bash", "cat nope.py", "cat: nope.py: No such file or directory", "tool_error"),
            (None, None, "Please give exactly one action", "format"),
        ]
        assert store.rows("SELECT tool, arguments FROM tool_calls") == [("bash", "cat nope.py")]


def test_mini_reads_commands_given_as_data_with_their_outputs(tmp_path):
    messages = [
        {"role": "user", "content": "Fix"},
        {"role": "assistant", "content": "", "extra": {"actions": [{"command": "a"}, {"command": "b"}]}},
        {"role": "tool", "content": "one", "extra": {"returncode": 0}},
        {"role": "tool", "content": "two", "extra": {"returncode": 3}},
        {"role": "exit", "content": "diff"},
    ]
    record = {**MINI_SWE, "messages": messages, "trajectory_format": "mini-swe-agent-1.1"}
    with stored(as_document(tmp_path / "x.traj.json", record)) as store:
        assert store.rows("SELECT arguments, result, error FROM tool_calls ORDER BY position") == [
            ("a", "one", None),
            ("b", "two", "two"),
        ]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"exit_status": "submitted"}, (None, None, "done")),
        ({"exit_status": "submitted (exit_cost)"}, (None, None, "cost_limit")),
        ({"exit_status": "exit_cost", "submission": None}, ("failure", None, "cost_limit")),
        ({"exit_status": "exit_context", "submission": ""}, ("failure", None, "context_limit")),
        ({"exit_status": "exit_api", "submission": None}, ("error", "model_unreachable", "error")),
        ({"exit_status": "exit_environment_error", "submission": None}, ("error", "environment_error", "error")),
        ({"exit_status": "RuntimeError", "submission": None}, ("error", "harness_crashed", "error")),
        ({"exit_status": None, "submission": None}, (None, None, None)),
        ({"exit_status": "submitted", "resolved": True}, ("success", None, "done")),
    ],
)
def test_exit_status_tells_limits_and_crashes_but_never_success(info, expected, tmp_path):
    record = {**SWE_AGENT, "info": {**SWE_AGENT["info"], **info}}
    with stored(as_document(tmp_path / "x.traj", record)) as store:
        assert store.rows("SELECT outcome, cause, end_reason FROM attempts") == [expected]


def test_file_without_usable_steps_is_rejected(tmp_path):
    bad = as_document(tmp_path / "bad.traj", {**SWE_AGENT, "trajectory": [*SWE_AGENT["trajectory"], 5]})
    with stored(swe_agent(tmp_path), bad) as store:
        assert store.rows("SELECT line, reason FROM rejects") == [
            (1, "wrong type: trajectory is not a list of messages")
        ]


@pytest.mark.parametrize("write", [swe_agent, mini_swe_agent])
def test_packed_file_reads_the_same(write, tmp_path):
    assert same_when_packed(write(tmp_path))


@few
@given(spoiled(SWE_AGENT))
def test_junk_in_any_field_never_stops_an_import(record):
    survives(lambda folder: as_document(folder / "x.traj", record), swe_agent)


@few
@given(spoiled(MINI_SWE))
def test_junk_in_any_field_of_mini_never_stops_an_import(record):
    survives(lambda folder: as_document(folder / "x.traj.json", record), mini_swe_agent)
