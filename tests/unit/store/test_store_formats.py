"""tau-bench and InterCode: excerpts of the real files come out as a person would tell them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store
from halo_opt.store.readers.shell_errors import answers_by_status, error_message

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def tau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = tmp_path_factory.mktemp("tau") / "s.duckdb"
    build_store([DATA / "tau-bench"], place)
    with Store.open(place) as store:
        yield store


@pytest.fixture(scope="module")
def intercode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = tmp_path_factory.mktemp("intercode") / "s.duckdb"
    build_store([DATA / "intercode"], place)
    with Store.open(place) as store:
        yield store


def write(folder: Path, *records: object, name: str = "gpt-4o-airline.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path: Path) -> Store:
    place = path.with_suffix(".duckdb")
    build_store([path], place)
    return Store.open(place)


def test_tau_bench_attempts(tau):
    assert tau.rows("SELECT DISTINCT run_id, model, mode FROM attempts") == [("gpt-4o-airline", "gpt-4o", None)]
    columns = "task_id, seed, outcome, score, steps, end_reason, step_limit"
    assert tau.rows(f"SELECT {columns} FROM attempts ORDER BY line") == [
        ("airline-13", 1, "success", 1.0, 13, "task_over", None),
        ("airline-38", 1, "success", 1.0, 6, "done", None),
        ("airline-38", 2, "success", 1.0, 4, "done", None),
        ("airline-41", 2, "failure", 0.0, 5, "task_over", None),
    ]


def test_tau_bench_goal_is_the_instruction_and_its_messages_are_all_there(tau):
    [(goal, messages)] = tau.rows(
        "SELECT goal, (SELECT count(*) FROM messages m WHERE m.trace_id = a.trace_id) FROM attempts a WHERE line = 3"
    )
    assert "You " in goal
    assert messages == 10


def test_tau_bench_step_is_an_assistant_message_with_what_followed(tau):
    sql = "SELECT step, tool, arguments FROM steps JOIN attempts USING (trace_id) WHERE line = 3 ORDER BY step"
    steps = tau.rows(sql)
    assert [step[1] for step in steps] == ["respond", "respond", "respond", "transfer_to_human_agents"]
    assert json.loads(steps[3][2]).keys() == {"summary"}
    heard = "lag(result) OVER (PARTITION BY trace_id ORDER BY step)"
    assert tau.rows(f"SELECT count(*) FROM (FROM steps QUALIFY step > 0 AND observation <> {heard})") == [(0,)]


def test_tau_bench_tool_error_is_told_on_step_and_call(tau):
    sql = "SELECT error_type, starts_with(error, 'Error'), count(*) FROM {} WHERE error IS NOT NULL GROUP BY ALL"
    assert tau.rows(sql.format("steps")) == tau.rows(sql.format("tool_calls")) == [("tool_error", True, 1)]


def test_tau_bench_keeps_the_expected_actions_queryable(tau):
    [(actions,)] = tau.rows(
        "SELECT attributes->'$.\"tau_bench.info\".reward_info.actions' FROM spans JOIN attempts USING (trace_id) "
        "WHERE kind = 'AGENT' AND attempts.line = 1"
    )
    assert json.loads(actions)


def test_tau_bench_attempt_cut_off_at_thirty_steps_hit_the_limit(tmp_path):
    turn = [{"role": "assistant", "content": "hm"}, {"role": "user", "content": "go on"}]
    record = {"task_id": 1, "trial": 0, "reward": 0.0, "info": {}}
    stopped = [*(turn * 30)[:-1], {"role": "user", "content": "###STOP###"}]
    with read(write(tmp_path, {**record, "traj": turn * 30}, {**record, "trial": 1, "traj": stopped})) as store:
        assert store.rows("SELECT seed, steps, step_limit, end_reason FROM attempts ORDER BY seed") == [
            (0, 30, 30, "step_limit"),
            (1, 30, None, "task_over"),
        ]


def test_tau_bench_crash_is_an_error_not_a_failure(tmp_path):
    record = {"task_id": 1, "trial": 0, "reward": 0.0, "info": {"error": "Timeout"}, "traj": []}
    with read(write(tmp_path, record)) as store:
        assert store.rows("SELECT outcome, score, cause FROM attempts") == [("error", None, "harness_crashed")]


def test_tau_bench_array_file_is_read_too(tmp_path):
    lines = (DATA / "tau-bench" / "gpt-4o-airline.jsonl").read_text().splitlines()
    (tmp_path / "gpt-4o-airline.json").write_text("[" + ",\n".join(lines) + ", null]")
    with read(tmp_path / "gpt-4o-airline.json") as store:
        assert store.rows("SELECT count(*) FILTER (WHERE outcome = 'success'), count(*) FROM attempts") == [(3, 4)]
        assert store.rows("SELECT line, reason FROM rejects") == [(5, "not an object")]


def test_tau_bench_repeated_key_is_another_attempt(tmp_path):
    record = {"task_id": 1, "trial": 0, "reward": 1.0, "info": {}, "traj": []}
    with read(write(tmp_path, record, record)) as store:
        assert store.rows("SELECT seed, attempt FROM attempts ORDER BY 2") == [(0, 0), (0, 1)]


def test_several_calls_in_one_message_find_their_results_by_id(tmp_path):
    calls = [{"id": i, "function": {"name": f"tool_{i}", "arguments": "{}"}} for i in ("a", "b")]
    traj = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": "Error: no"},
        {"role": "tool", "tool_call_id": "a", "content": "fine"},
    ]
    with read(write(tmp_path, {"task_id": 1, "trial": 0, "reward": 0, "traj": traj})) as store:
        assert store.rows("SELECT tool, result, error_type FROM tool_calls ORDER BY position") == [
            ("tool_a", "fine", None),
            ("tool_b", "Error: no", "tool_error"),
        ]
        assert store.rows("SELECT tool, result, error FROM steps") == [("tool_b", "Error: no", "Error: no")]


def test_intercode_runs_are_named_by_file_with_mode_and_plain_model(intercode):
    assert intercode.rows("SELECT run_id, model, mode FROM runs ORDER BY 1") == [
        ("ic_bash_multiturn_gpt-3.5_10_turns_fs_1", "gpt-3.5", "multiturn"),
        ("ic_bash_react_10_turns_fs_1", None, "react"),
    ]


def test_intercode_attempts(intercode):
    columns = "task_id, seed, outcome, score, steps, step_limit, end_reason"
    assert intercode.rows(f"SELECT {columns} FROM attempts WHERE mode = 'react' ORDER BY line") == [
        ("intercode-bash-fs_1-11", 0, "failure", 0.34, 5, 10, "done"),
        ("intercode-bash-fs_1-17", 0, "success", 1.0, 4, 10, "done"),
        ("intercode-bash-fs_1-20", 0, "success", 1.0, 3, 10, "done"),
        ("intercode-bash-fs_1-53", 0, "failure", 0.67, 10, 10, "step_limit"),
        ("intercode-bash-fs_1-57", 0, "failure", 0.0, 1, 10, None),
    ]
    assert intercode.rows(
        "SELECT end_reason, outcome, count(*) FROM attempts WHERE mode = 'multiturn' GROUP BY ALL ORDER BY 1"
    ) == [("step_limit", "failure", 2), ("task_over", "success", 2)]


def test_intercode_react_step_has_thought_tool_and_bare_command(intercode):
    sql = "SELECT reply, tool, arguments FROM steps JOIN attempts USING (trace_id) WHERE mode = 'react' AND task_id = ?"
    steps = intercode.rows(f"{sql} ORDER BY step", ["intercode-bash-fs_1-17"])
    assert [step[1] for step in steps] == ["execute", "execute", "execute", "submit"]
    assert all(reply for reply, _, _ in steps)
    assert not steps[0][2].startswith("execute[")


def test_intercode_submit_made_by_the_loop_is_no_step(intercode):
    task = "task_id = 'intercode-bash-fs_1-53' AND mode = 'react'"
    sql = f"SELECT count(*) FROM steps JOIN attempts USING (trace_id) WHERE {task}"
    assert intercode.rows(f"{sql} AND tool = 'submit'") == [(0,)]


def test_intercode_reply_without_execute_is_a_format_error(tmp_path):
    history = {
        "thoughts": ["look"],
        "actions": ["ls -l /testbed"],
        "observations": ["Error executing query: Your last `execute` action did not contain bash code"],
        "rewards": [0],
        "valid_action": [True],
    }
    record = {"task_id": 3, "query": "q", "turn_history": history, "summary": {"max_reward": 0, "turns_max": 10}}
    with read(write(tmp_path, {"0": record}, name="ic_bash_react.json")) as store:
        assert store.rows("SELECT tool, arguments, error_type FROM steps") == [(None, "ls -l /testbed", "format")]


def test_intercode_turn_rewards_are_kept_by_step(intercode):
    sql = "SELECT label, value FROM scores JOIN attempts USING (trace_id) WHERE name = 'turn_reward'"
    assert intercode.rows(f"{sql} AND mode = 'multiturn' AND task_id = 'intercode-bash-fs_1-17' ORDER BY label::INT")[
        -1
    ] == (
        "5",
        1.0,
    )


def test_intercode_lists_of_uneven_length_lose_no_turn(tmp_path):
    record = {"task_id": 3, "query": "q", "turn_history": {"actions": ["ls", "pwd"], "observations": ["a"]}}
    path = write(tmp_path, {"0": record, "1": {"task_id": 4}, "2": 7}, name="ic_bash_multiturn_gpt-4.json")
    with read(path) as store:
        assert store.rows("SELECT arguments, result, observation FROM steps ORDER BY step") == [
            ("ls", "a", "q"),
            ("pwd", None, "a"),
        ]
        assert store.rows("SELECT outcome, score, step_limit FROM attempts") == [(None, None, None)]
        assert store.rows("SELECT line, reason FROM rejects ORDER BY 1") == [
            (2, "missing field turn_history"),
            (3, "not an object"),
        ]


@pytest.mark.parametrize(
    ("command", "output", "failed"),
    [
        ("xxd -p f", "/bin/bash: line 1: xxd: command not found\n", True),
        ("find /nowhere", "find: '/nowhere': No such file or directory\n", False),
        ("echo $(", "in: -c: line 2: syntax error: unexpected end of file\n", True),
        ("find . -exec cp {} x +", "find: missing argument to `-exec'\n", True),
        ("cat a b; cp x y", "text of a\ncp: cannot stat 'x': No such file or directory\n", True),
        ("touch /x", "touch: cannot touch '/x': Permission denied", True),
        ("sleep 99", "Command timed out", False),
    ],
)
def test_shell_messages_are_errors(command, output, failed):
    assert error_message(command, output, failed=failed) is not None


@pytest.mark.parametrize(
    ("command", "output", "failed"),
    [
        ("cat notes.txt", "Note: cannot find the file, error 404\n", False),
        ("grep -r error logs", "logs/a.txt: No such file or directory\n", False),
        ("ls", "", False),
        ("diff a b", "2c2\n< Yet another text file\n---\n> Another\n", True),
        ("grep -c x f", "0\n", True),
        ("find /testbed -name x", "/testbed/x\nfind: './proc/1': No such file or directory\n", False),
        ("wc -l error.log", "12 error.log: syntax error\n", False),
    ],
)
def test_ordinary_output_is_no_error(command, output, failed):
    assert error_message(command, output, failed=failed) is None


def test_programs_that_answer_by_status_are_known_by_the_last_command():
    assert answers_by_status("find . | grep foo")
    assert answers_by_status("diff a b")
    assert not answers_by_status("cp a b")
    assert not answers_by_status("grep x f | wc -l")
