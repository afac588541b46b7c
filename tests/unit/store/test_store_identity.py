"""Which attempts, tasks and runs there are: each once, whatever files they came in."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store

CASES = Path(__file__).parents[2] / "data" / "cases"


def rows(place: Path, sql: str, *inputs: Path) -> list[tuple]:
    """Rows of a store built of some inputs, or of the folder itself."""
    target = place.parent / f"{place.name}.duckdb"
    build_store(list(inputs or (place,)), target)
    with Store.open(target) as store:
        return store.rows(sql)


def chat(task: str, words: str = "hello", **more: object) -> dict:
    messages = [{"role": "user", "content": f"Do {task}."}, {"role": "assistant", "content": words}]
    return {"task_id": task, "messages": messages, "reward": 1, **more}


def written(path: Path, *records: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_chat_files_of_one_attempt_are_a_run_named_like_their_folder(tmp_path):
    for number in range(3):
        written(tmp_path / "nightly" / f"t{number}.json", chat(f"t{number}"))
    assert rows(tmp_path / "nightly", "SELECT run_id, count(*) FROM attempts GROUP BY 1") == [("nightly", 3)]


def test_chat_file_of_several_attempts_is_a_run_of_its_own(tmp_path):
    written(tmp_path / "runs" / "one.jsonl", chat("a"), chat("b"))
    written(tmp_path / "runs" / "two.jsonl", chat("c"), chat("d"))
    assert rows(tmp_path / "runs", "SELECT DISTINCT run_id FROM attempts ORDER BY 1") == [("one",), ("two",)]


def test_chat_file_given_alone_keeps_its_name(tmp_path):
    file = written(tmp_path / "runs" / "one.json", chat("a"))
    assert rows(tmp_path / "runs", "SELECT run_id FROM attempts", file) == [("one",)]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("old", "new"):
        written(tmp_path / "all" / folder / "chats.jsonl", chat("a", folder), chat("b", folder))
    found = rows(tmp_path / "all", "SELECT DISTINCT run_id FROM attempts ORDER BY 1")
    assert found == [("new/chats",), ("old/chats",)]


def test_intercode_data_set_is_a_part_of_the_task(tmp_path):
    case = Path(shutil.copytree(CASES / "intercode_same_task_ids", tmp_path / "case"))
    found = rows(case, "SELECT DISTINCT task_id FROM attempts ORDER BY 1")
    assert found == [(f"intercode-bash-fs_{part}-{number}",) for part in (1, 2) for number in range(3)]


@pytest.fixture
def trials(tmp_path):
    return Path(shutil.copytree(CASES / "terminal_bench_run", tmp_path / "terminal"))


def test_terminal_bench_run_folder_has_each_trial_once(trials):
    found = rows(trials, "SELECT run_id, task_id, outcome FROM attempts ORDER BY task_id")
    assert found == [("myrun", "task-a", "success"), ("myrun", "task-b", "failure")]


def test_terminal_bench_trials_without_results_of_the_run_are_one_run(trials):
    (trials / "myrun" / "results.json").unlink()
    assert rows(trials, "SELECT run_id, count(*) FROM attempts GROUP BY 1") == [("myrun", 2)]


def test_terminal_bench_trial_counts_as_its_own_file_says(trials):
    file = trials / "myrun" / "task-a" / "task-a.1-of-1.myrun" / "results.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"total_input_tokens": 10', '"total_input_tokens": 99'))
    assert rows(trials, "SELECT tokens_in FROM attempts WHERE task_id = 'task-a'") == [(99,)]


def test_terminal_bench_totals_that_differ_are_counted(trials):
    file = trials / "myrun" / "task-a" / "task-a.1-of-1.myrun" / "results.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"total_input_tokens": 10', '"total_input_tokens": 99'))
    assert build_store([trials], trials.parent / "s.duckdb").totals_differ == 1
