"""Harbor's folders: continued trajectories, trials whose raw session was not converted, and jobs."""

import json
import shutil
from pathlib import Path

import pytest
from platform_tools import lines
from reader_tools import as_document, stored
from samples_agents import ATIF, HARBOR, MINI_SWE, harbor_trial
from samples_sessions import CLAUDE_CODE, CODEX, CODEX_EXEC, claude_line, claude_reply, claude_stream

from halo_opt.store.index.summary import notes_on_files

CASE = Path(__file__).parents[3] / "data" / "cases" / "harbor_continuation" / "job"
TOTALS = "tokens_in, tokens_out, cost_usd"


def case(folder: Path) -> Path:
    return Path(shutil.copytree(CASE, folder / "job"))


def changed(path: Path, **fields: object) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, **fields}))


def trial_of(folder: Path, **result: object) -> Path:
    """A trial without a trajectory; its task is hello-world, its reward 1."""
    trial = folder / "job" / "hello-world__a"
    as_document(trial / "result.json", {**HARBOR, "agent_result": None, **result})
    (trial / "agent").mkdir()
    return trial


def test_a_continued_trajectory_is_one_attempt(tmp_path):
    with stored(case(tmp_path)) as store:
        assert store.rows(f"SELECT run_id, outcome, steps, {TOTALS} FROM attempts") == [
            ("job", "success", 3, 900, 90, 0.09)
        ]


def test_a_continued_trajectory_has_the_calls_of_all_parts(tmp_path):
    with stored(case(tmp_path)) as store:
        assert store.rows("SELECT step, result FROM tool_calls ORDER BY position") == [
            (0, "New Terminal Output: ok"),
            (2, "New Terminal Output: a"),
        ]


def test_totals_of_the_result_count_before_those_of_the_trajectory(tmp_path):
    job = case(tmp_path)
    changed(job / "toy-task__aaa" / "result.json", agent_result={"n_input_tokens": 950, "n_output_tokens": 90})
    with stored(job) as store:
        assert store.rows(f"SELECT {TOTALS} FROM attempts") == [(950, 90, 0.09)]
        assert store.summary().totals_differ == 1


def test_equal_totals_are_no_difference(tmp_path):
    with stored(case(tmp_path)) as store:
        assert store.summary().totals_differ == 0


def test_without_totals_in_the_result_the_last_running_total_counts(tmp_path):
    job = case(tmp_path)
    changed(job / "toy-task__aaa" / "result.json", agent_result=None)
    with stored(job) as store:
        assert store.rows(f"SELECT {TOTALS} FROM attempts") == [(900, 90, 0.09)]


def test_totals_of_single_parts_are_added_up(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    changed(agent.parent / "result.json", agent_result=None)
    own = {"total_prompt_tokens": 400, "total_completion_tokens": 40, "total_cost_usd": 0.04}
    changed(agent / "trajectory.cont-1.json", final_metrics=own)
    with stored(agent.parent) as store:
        assert store.rows("SELECT tokens_in, tokens_out FROM attempts") == [(900, 90)]


def test_copied_context_is_no_step_again(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    first = json.loads((agent / "trajectory.json").read_text())["steps"]
    later = json.loads((agent / "trajectory.cont-1.json").read_text())["steps"]
    copied = [{**step, "is_copied_context": True, "metrics": None} for step in first]
    changed(agent / "trajectory.cont-1.json", steps=[*copied, *later])
    with stored(agent.parent) as store:
        assert store.rows("SELECT steps, (SELECT count(*) FROM tool_calls) FROM attempts") == [(3, 2)]


def test_continuations_are_found_by_their_names_too(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    changed(agent / "trajectory.json", continued_trajectory_ref=None)
    with stored(agent.parent) as store:
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_a_continuation_that_names_itself_ends(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    changed(agent / "trajectory.cont-1.json", continued_trajectory_ref="trajectory.cont-1.json")
    with stored(agent.parent) as store:
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_bare_files_of_one_trajectory_are_one_attempt(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    with stored(agent) as store:
        assert store.rows(f"SELECT steps, {TOTALS} FROM attempts") == [(3, 900, 90, 0.09)]


def test_a_continuation_alone_is_read(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    (agent / "trajectory.json").unlink()
    with stored(agent) as store:
        assert store.rows("SELECT steps FROM attempts") == [(1,)]


def test_parts_without_the_first_are_read(tmp_path):
    agent = case(tmp_path) / "toy-task__aaa" / "agent"
    (agent / "trajectory.json").unlink()
    with stored(agent.parent) as store:
        assert store.rows("SELECT steps, tokens_in, outcome FROM attempts") == [(1, 900, "success")]


def test_a_trajectory_without_steps_gives_way_to_the_session(tmp_path):
    trial = trial_of(tmp_path)
    as_document(trial / "agent" / "trajectory.json", {**ATIF, "steps": ATIF["steps"][:1]})
    shutil.move(claude_stream(tmp_path), trial / "agent" / "claude-code.txt")
    with stored(trial) as store:
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_sessions_of_claude_code_are_the_steps_of_their_trial(tmp_path):
    trial = trial_of(tmp_path)
    place = trial / "agent" / "sessions" / "projects" / "-app"
    place.mkdir(parents=True)
    lines(place / "5e55.jsonl", *CLAUDE_CODE)
    with stored(trial) as store:
        columns = "task_id, outcome, score, steps, tokens_in, tokens_out, goal, model"
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("hello-world", "success", 1.0, 3, 369, 64, "Fix the failing cart test", "m-4")
        ]
        assert store.rows("SELECT count(*) FROM tool_calls") == [(3,)]


def test_sub_agents_of_claude_code_belong_to_the_trial(tmp_path):
    trial = trial_of(tmp_path)
    place = trial / "agent" / "sessions" / "projects" / "-app"
    (place / "5e55" / "subagents").mkdir(parents=True)
    lines(place / "5e55.jsonl", *CLAUDE_CODE)
    own = claude_line(50, "assistant", message=claude_reply("m9", {"type": "text", "text": "Found it."}, 7))
    lines(place / "5e55" / "subagents" / "agent-a1.jsonl", {**own, "isSidechain": True, "agentId": "a1"})
    with stored(trial) as store:
        assert store.rows("SELECT steps, tokens_out FROM attempts") == [(4, 71)]
        assert store.rows("SELECT step FROM steps WHERE agent = 'a1'") == [(3,)]


def test_a_session_counts_before_what_the_command_printed(tmp_path):
    trial = trial_of(tmp_path)
    place = trial / "agent" / "sessions" / "projects" / "-app"
    place.mkdir(parents=True)
    lines(place / "5e55.jsonl", *CLAUDE_CODE)
    shutil.move(claude_stream(tmp_path), trial / "agent" / "claude-code.txt")
    with stored(trial) as store:
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_what_claude_printed_is_read_where_there_is_no_session(tmp_path):
    trial = trial_of(tmp_path)
    shutil.move(claude_stream(tmp_path), trial / "agent" / "claude-code.txt")
    with stored(trial) as store:
        assert store.rows("SELECT outcome, steps, cost_usd FROM attempts") == [("success", 3, 0.25)]


@pytest.mark.parametrize(
    ("name", "records", "steps"),
    [
        ("sessions/2026/05/04/rollout-1.jsonl", CODEX, 3),
        ("codex.txt", CODEX_EXEC, 4),
        ("mini-swe-agent.trajectory.json", [MINI_SWE], 2),
    ],
)
def test_raw_files_of_other_agents(tmp_path, name, records, steps):
    trial = trial_of(tmp_path)
    path = trial / "agent" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines(path, *records)
    with stored(trial) as store:
        assert store.rows("SELECT task_id, outcome, steps FROM attempts") == [("hello-world", "success", steps)]
        assert store.rows("SELECT count(*) FROM steps") == [(steps,)]


def test_episodes_of_terminus_are_steps(tmp_path):
    trial = trial_of(tmp_path)
    for number, (prompt, response) in enumerate(
        [
            ("Make hello.txt", '{"analysis": "none", "commands": [{"keystrokes": "touch hello.txt\\n"}]}'),
            ("New output: $", '{"task_complete": true, "commands": []}'),
        ]
    ):
        place = trial / "agent" / f"episode-{number}"
        place.mkdir()
        (place / "prompt.txt").write_text(prompt)
        (place / "response.txt").write_text(response)
    with stored(trial) as store:
        assert store.rows("SELECT goal, steps, outcome FROM attempts") == [("Make hello.txt", 2, "success")]
        assert store.rows("SELECT tool, arguments, result FROM tool_calls") == [
            ("bash_command", '{"keystrokes": "touch hello.txt\\n"}', "New output: $")
        ]


def test_totals_of_the_result_count_before_those_of_a_session(tmp_path):
    trial = trial_of(tmp_path, agent_result={"n_input_tokens": 5, "n_output_tokens": 6, "cost_usd": 7.0})
    shutil.move(claude_stream(tmp_path), trial / "agent" / "claude-code.txt")
    with stored(trial) as store:
        assert store.rows(f"SELECT {TOTALS} FROM attempts") == [(5, 6, 7.0)]


def test_a_trial_that_never_ended_is_counted_and_left_out(tmp_path):
    trial = harbor_trial(tmp_path)
    other = trial.with_name("hello-world__b")
    as_document(other / "config.json", {"trial_name": "hello-world__b", "task": {}, "agent": {}})
    as_document(other / "agent" / "trajectory.json", ATIF)
    with stored(trial.parent) as store:
        assert store.rows("SELECT count(*) FROM attempts") == [(1,)]
        assert store.summary().unfinished == 1


def test_a_job_is_one_run(tmp_path):
    job = harbor_trial(tmp_path).parent
    as_document(job / "other-task__b" / "result.json", {**HARBOR, "id": "b", "task_name": "other-task"})
    as_document(job / "config.json", {"job_name": "job-1", "n_attempts": 1})
    as_document(job / "result.json", {"id": "j", "n_total_trials": 2, "stats": {"evals": {}}})
    (job / "job.log").write_text("words")
    with stored(job) as store:
        assert store.rows("SELECT run_id, count(*) FROM attempts GROUP BY 1") == [("job-1", 2)]
        assert notes_on_files(store.summary()) == []
