"""ATIF and Harbor: the trajectory tells the steps, the trial's result the outcome."""

import pytest
from hypothesis import given
from reader_tools import as_document, few, same_when_packed, spoiled, stored, survives
from samples_agents import ATIF, HARBOR, atif, harbor_trial


def test_trial_has_task_reward_job_and_times_from_its_result(tmp_path):
    columns = (
        "run_id, task_id, outcome, score, model, mode, tokens_in, tokens_out, cost_usd, steps, started_at::VARCHAR"
    )
    with stored(harbor_trial(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            (
                *("job-1", "hello-world", "success", 1.0, "m-4", "terminus-2", 220, 23, 0.02, 2),
                "2026-05-04 09:59:00",
            )
        ]
        assert store.summary().not_recognised == []


def test_bare_trajectory_has_steps_and_no_outcome(tmp_path):
    with stored(atif(tmp_path)) as store:
        assert store.rows("SELECT outcome, score, goal, tokens_in, cost_usd FROM attempts") == [
            (None, None, "Make hello.txt", 220, 0.02)
        ]
        assert store.rows("SELECT step, reply, tool, observation, result FROM steps ORDER BY step") == [
            (0, "easy\n\nI write it", "bash", "Make hello.txt", ""),
            (1, "Done", "respond", "hello.txt\n", None),
        ]
        assert store.rows("SELECT arguments, result FROM tool_calls ORDER BY position") == [
            ('{"command": "echo hi > hello.txt"}', ""),
            ('{"command": "ls"}', "hello.txt"),
        ]
        roles = store.rows("SELECT role FROM messages ORDER BY position")
        assert [role for (role,) in roles] == ["user", "assistant", "tool", "tool", "assistant"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exception_info": {"exception_type": "AgentTimeoutError"}}, ("success", 1.0, None, "time_limit")),
        (
            {"exception_info": {"exception_type": "AgentTimeoutError"}, "verifier_result": None},
            ("error", None, "time_limit", "error"),
        ),
        ({"exception_info": {"exception_type": "RateLimitError"}}, ("error", None, "model_unreachable", "error")),
        (
            {"exception_info": {"exception_type": "VerifierTimeoutError"}, "verifier_result": None},
            ("error", None, "environment_error", "error"),
        ),
        ({"verifier_result": {"rewards": {"reward": 0.25, "speed": 1}}}, ("failure", 0.25, None, None)),
        ({"verifier_result": {"reward": 0}}, ("failure", 0.0, None, None)),
        ({"verifier_result": None}, (None, None, None, None)),
    ],
)
def test_trial_that_broke_is_told_from_one_that_failed(changes, expected, tmp_path):
    with stored(harbor_trial(tmp_path, {**HARBOR, **changes})) as store:
        assert store.rows("SELECT outcome, score, cause, end_reason FROM attempts") == [expected]


def test_trial_with_an_unusable_trajectory_still_counts(tmp_path):
    trial = harbor_trial(tmp_path, trajectory={"schema_version": "ATIF-v1.2", "steps": 5})
    with stored(trial) as store:
        assert store.rows("SELECT outcome, steps FROM attempts") == [("success", None)]
        assert store.rows("SELECT reason FROM rejects") == [("wrong type: steps is not a list of steps",)]


def test_trials_of_a_job_are_one_run_and_repeated_tasks_are_numbered(tmp_path):
    trial = harbor_trial(tmp_path)
    as_document(trial.with_name("hello-world__Zz99") / "result.json", {**HARBOR, "id": "other"})
    with stored(tmp_path / "job-1") as store:
        assert store.rows("SELECT run_id, attempt, steps FROM attempts ORDER BY attempt") == [
            ("job-1", 0, 2),
            ("job-1", 1, None),
        ]


def test_packed_file_reads_the_same(tmp_path):
    assert same_when_packed(atif(tmp_path))


@few
@given(spoiled({"result": HARBOR, "trajectory": ATIF}))
def test_junk_in_any_field_never_stops_an_import(value):
    survives(lambda folder: harbor_trial(folder, value.get("result"), value.get("trajectory")), harbor_trial)
