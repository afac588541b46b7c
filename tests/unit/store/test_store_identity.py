"""Which attempts, tasks and runs there are: each once, whatever files they came in."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries.show import show

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


def test_trace_over_two_rotated_otlp_files_is_one_attempt(tmp_path):
    case = Path(shutil.copytree(CASES / "otlp_rotated_files", tmp_path / "case"))
    spans = "(SELECT trace_id, count(*) AS n FROM spans GROUP BY 1)"
    found = rows(case, f"SELECT count(*), count(outcome), list(DISTINCT n) FROM attempts JOIN {spans} USING (trace_id)")
    assert found == [(4, 4, [3])]


def test_second_rotated_file_that_comes_later_gives_what_a_fresh_import_gives(tmp_path):
    case = Path(shutil.copytree(CASES / "otlp_rotated_files", tmp_path / "case"))
    second = (case / "t-2.otlp.jsonl").rename(tmp_path / "later")
    build_store([case], tmp_path / "s.duckdb")
    second.rename(case / "t-2.otlp.jsonl")
    build_store([case], tmp_path / "s.duckdb")
    build_store([case], tmp_path / "fresh.duckdb")
    assert everything(tmp_path / "s.duckdb") == everything(tmp_path / "fresh.duckdb")


def everything(place: Path) -> dict[str, list[tuple]]:
    """All rows of attempts and of what belongs to them, but for the order."""
    tables = ("runs", "attempts", "spans", "messages", "steps", "tool_calls", "scores", "duplicates")
    with Store.open(place) as store:
        return {table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}


def span(trace: str, number: int, parent: str = "", **more: object) -> dict:
    return {
        "trace_id": trace,
        "span_id": f"{number:016x}",
        "parent_span_id": parent,
        "name": f"step {number}",
        "start_time": f"2026-01-01T00:00:0{number}Z",
        "end_time": f"2026-01-01T00:00:1{number}Z",
        "attributes": {"openinference.span.kind": "LLM" if parent else "AGENT", "llm.token_count.prompt": 5},
        "resource": {"attributes": {"halo.task_id": "t"}},
        **more,
    }


def whole(trace: str, **more: object) -> list[dict]:
    root = span(trace, 1, **more)
    return [root, *(span(trace, number, root["span_id"], **more) for number in (2, 3))]


def later(spans: list[dict]) -> list[dict]:
    """The same spans a day later: another run with the same ids."""
    return [json.loads(json.dumps(span).replace("2026-01-01", "2026-01-02")) for span in spans]


ATTEMPTS = "SELECT run_id, count(*), sum(tokens_in)::INT FROM attempts GROUP BY 1 ORDER BY 1"


def test_flat_spans_over_two_files_of_a_folder_are_one_attempt(tmp_path):
    spans = whole("a")
    written(tmp_path / "in" / "1.jsonl", *spans[:1])
    written(tmp_path / "in" / "2.jsonl", *spans[1:])
    assert rows(tmp_path / "in", ATTEMPTS) == [("in", 1, 10)]


def test_packed_rotated_file_is_joined_with_the_plain_one(tmp_path):
    spans = whole("a")
    path = written(tmp_path / "in" / "1.jsonl", *spans[:2])
    (tmp_path / "in" / "1.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    written(tmp_path / "in" / "2.jsonl", *spans[2:])
    assert rows(tmp_path / "in", ATTEMPTS) == [("in", 1, 10)]


def test_two_runs_with_equal_trace_ids_stay_two_runs(tmp_path):
    written(tmp_path / "in" / "x" / "t.jsonl", *whole("a"))
    written(tmp_path / "in" / "y" / "t.jsonl", *later(whole("a")))
    assert rows(tmp_path / "in", ATTEMPTS) == [("x/t", 1, 10), ("y/t", 1, 10)]


def test_runs_named_in_spans_of_one_folder_stay_two_with_equal_trace_ids(tmp_path):
    for number, run in enumerate(("x", "y")):
        resource = {"attributes": {"halo.run_id": run, "halo.task_id": "t"}}
        spans = whole("a", resource=resource)
        written(tmp_path / "in" / f"{number}.jsonl", *(later(spans) if number else spans))
    assert rows(tmp_path / "in", ATTEMPTS) == [("x", 1, 10), ("y", 1, 10)]


def test_copied_folder_of_flat_spans_counts_once(tmp_path):
    written(tmp_path / "in" / "x" / "t.jsonl", *whole("a"))
    shutil.copytree(tmp_path / "in" / "x", tmp_path / "in" / "y")
    assert rows(tmp_path / "in", ATTEMPTS) == [("x/t", 1, 10)]


def test_copied_file_of_flat_spans_counts_once_and_is_listed(tmp_path):
    path = written(tmp_path / "in" / "t.jsonl", *whole("a"))
    shutil.copy(path, path.with_name("u.jsonl"))
    found = rows(tmp_path / "in", "SELECT source, line, reason, (SELECT count(*) FROM attempts) FROM duplicates")
    assert found == [(str(path.with_name("u.jsonl")), 1, "same id", 1)]


def test_other_runs_trace_can_be_shown_by_its_id(tmp_path):
    written(tmp_path / "in" / "x" / "t.jsonl", *whole("a"))
    written(tmp_path / "in" / "y" / "t.jsonl", *later(whole("a")))
    found = rows(tmp_path / "in", "SELECT trace_id, source_id FROM attempts ORDER BY 1")
    assert [source_id for _, source_id in found] == ["a", "a"]
    assert found[0][0] == "a"
    assert found[1][0].startswith("a~")


def test_trace_cut_in_two_folders_is_joined_by_its_parents(tmp_path):
    spans = whole("a")
    written(tmp_path / "in" / "monday" / "t.jsonl", *spans[:2])
    written(tmp_path / "in" / "tuesday" / "t.jsonl", *spans[2:])
    assert rows(tmp_path / "in", "SELECT count(*), sum(tokens_in)::INT FROM attempts") == [(1, 10)]


@pytest.mark.parametrize("first", ["x", "y"])
def test_run_added_later_gives_what_a_fresh_import_gives(first, tmp_path):
    written(tmp_path / "all" / "x" / "t.jsonl", *whole("a"), *whole("b"))
    written(tmp_path / "all" / "y" / "t.jsonl", *later(whole("a")), *whole("b"))
    build_store([tmp_path / "all" / first], tmp_path / "s.duckdb")
    build_store([tmp_path / "all"], tmp_path / "s.duckdb")
    build_store([tmp_path / "all"], tmp_path / "fresh.duckdb")
    assert everything(tmp_path / "s.duckdb") == everything(tmp_path / "fresh.duckdb")


def test_copy_counts_when_what_it_was_made_from_is_gone(tmp_path):
    written(tmp_path / "in" / "x" / "t.jsonl", chat("a"), chat("b"))
    shutil.copytree(tmp_path / "in" / "x", tmp_path / "in" / "y")
    build_store([tmp_path / "in"], tmp_path / "s.duckdb")
    shutil.rmtree(tmp_path / "in" / "x")
    build_store([tmp_path / "in"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT run_id, count(*) FROM attempts GROUP BY 1") == [("t", 2)]


def test_repeated_record_counts_once(tmp_path):
    written(tmp_path / "in" / "t.jsonl", chat("a"), chat("b"), chat("a"))
    assert rows(tmp_path / "in", "SELECT count(*), (SELECT count(*) FROM duplicates) FROM attempts") == [(2, 1)]


def test_runs_that_share_some_attempts_stay_two(tmp_path):
    written(tmp_path / "in" / "x.jsonl", chat("a"), chat("b"))
    written(tmp_path / "in" / "y.jsonl", chat("a"), chat("b", "other words"))
    assert rows(tmp_path / "in", "SELECT run_id, count(*) FROM attempts GROUP BY 1 ORDER BY 1") == [("x", 2), ("y", 2)]


def test_run_that_is_a_part_of_another_counts_once(tmp_path):
    written(tmp_path / "in" / "x.jsonl", chat("a"))
    written(tmp_path / "in" / "y.jsonl", chat("a"), chat("b"))
    assert rows(tmp_path / "in", "SELECT run_id, count(*) FROM attempts GROUP BY 1") == [("y", 2)]


def asked(task: str, goal: str, words: str = "hello", **more: object) -> dict:
    messages = [{"role": "user", "content": goal}, {"role": "assistant", "content": words}]
    return {"task_id": task, "messages": messages, "reward": 1, **more}


TASKS = "SELECT count(DISTINCT task_id) FROM attempts"


def test_one_id_with_unrelated_goals_is_told_apart(tmp_path):
    written(tmp_path / "in" / "x.jsonl", asked("1", "Count the text files in folder A."), asked("2", "Print the time."))
    written(tmp_path / "in" / "y.jsonl", asked("1", "Delete all empty directories."), asked("2", "Print the time."))
    found = rows(
        tmp_path / "in", "SELECT regexp_replace(task_id, '[0-9a-f]{4}$', 'HASH'), count(*) FROM attempts GROUP BY 1"
    )
    assert sorted(found) == [("1#goal-HASH", 2), ("2", 2)]


def test_ids_that_were_told_apart_are_counted(tmp_path):
    written(tmp_path / "in" / "x.jsonl", asked("1", "Count the text files in folder A."), asked("2", "Print the time."))
    written(tmp_path / "in" / "y.jsonl", asked("1", "Delete all empty directories."), asked("2", "Print the time."))
    assert build_store([tmp_path / "in"], tmp_path / "s.duckdb").tasks_told_apart == 1


@pytest.mark.parametrize(
    "goals",
    [
        ["Select Zq3, oP and click Submit.", "Select 8x and click Submit.", "Select words, a7, b and click Submit."],
        ["Book a flight from Paris to Rome on Monday.", "Book a flight from New York to Boston on Friday."],
        [
            'Enter "Ignacio" into the text field and press Submit.',
            'Enter "Xu Li" into the text field and press Submit.',
        ],
        ["12 * 7", "45 * 3"],
        ["Today is 2026-01-01. Fix the bug.", "Today is 2026-02-03. Fix the bug."],
        [
            "You are an expert. Think first. Task: count the text files in the folder A and print the number.",
            "Follow these rules closely and answer. Now count the text files in the folder A and print the number.",
        ],
    ],
)
def test_goals_that_fill_one_template_are_one_task(goals, tmp_path):
    written(tmp_path / "in" / "x.jsonl", *(asked("t", goal) for goal in goals))
    assert rows(tmp_path / "in", TASKS) == [(1,)]


def test_goals_that_vary_with_the_seed_are_one_task(tmp_path):
    goals = ["Find the mail of Ann and star it.", "Please delete what Bob wrote.", "I want to answer Cy."]
    for run in ("x", "y"):
        records = [asked("mail", goal, run, seed=seed) for seed, goal in enumerate(goals)]
        written(tmp_path / "in" / f"{run}.jsonl", *records)
    assert rows(tmp_path / "in", TASKS) == [(1,)]


def test_goals_within_the_same_instructions_are_told_apart(tmp_path):
    frame = "You are a careful agent in a shell and you solve one task at a time. Task: {} Answer with one command."
    goals = {"x": ["count the files", "print a date", "list users"], "y": ["delete logs", "start nginx", "kill it"]}
    for run, tasks in goals.items():
        written(tmp_path / "in" / f"{run}.jsonl", *(asked(str(n), frame.format(t)) for n, t in enumerate(tasks)))
    assert rows(tmp_path / "in", TASKS) == [(6,)]


def test_goals_that_were_compared_are_not_compared_again_when_others_come(tmp_path, monkeypatch):
    goals = [f"Find the oldest mail that {name} wrote and star it." for name in ("ann", "bob", "cy")]
    written(tmp_path / "in" / "x.jsonl", *(asked("old", goal) for goal in goals))
    sql = "SELECT task_id, count(*) FROM attempts GROUP BY 1 ORDER BY 1"
    assert rows(tmp_path / "in", sql) == [("old", 3)]
    compared = []

    def alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        compared.append({*one, *other})
        return True

    monkeypatch.setattr("halo_opt.store.index.task_goals._alike", alike)
    written(tmp_path / "in" / "y.jsonl", asked("new", "Delete all drafts."), asked("new", "Delete every draft."))
    assert rows(tmp_path / "in", sql) == [("new", 2), ("old", 3)]
    assert [words for words in compared if "star" in words] == []
    assert compared


def test_goal_that_comes_later_tells_tasks_apart_as_in_a_fresh_import(tmp_path):
    written(tmp_path / "in" / "x.jsonl", asked("1", "Count the text files in folder A."), asked("2", "Print the time."))
    build_store([tmp_path / "in"], tmp_path / "s.duckdb")
    written(tmp_path / "in" / "y.jsonl", asked("1", "Delete all empty directories."), asked("2", "Print the time."))
    build_store([tmp_path / "in"], tmp_path / "s.duckdb")
    build_store([tmp_path / "in"], tmp_path / "fresh.duckdb")
    assert everything(tmp_path / "s.duckdb") == everything(tmp_path / "fresh.duckdb")


@pytest.mark.parametrize(
    ("named", "task"),
    [
        ({"metadata": {"dataset": "fs", "split": "test"}}, "fs-1"),
        ({"suite": "banking", "benchmark": "dojo"}, "dojo-banking-1"),
        ({"env": "bash"}, "bash-1"),
        ({"env": "production"}, "1"),
        ({}, "1"),
    ],
)
def test_data_set_that_a_record_names_is_a_part_of_the_task(named, task, tmp_path):
    file = written(tmp_path / "in" / "x.jsonl", chat("1", **named))
    assert rows(tmp_path / "in", "SELECT task_id FROM attempts", file) == [(task,)]


def test_domain_in_the_resource_of_spans_is_a_part_of_the_task(tmp_path):
    resource = {"attributes": {"halo.task_id": "7", "domain": "airline"}}
    written(tmp_path / "in" / "t.jsonl", *whole("a", resource=resource))
    assert rows(tmp_path / "in", "SELECT task_id FROM attempts") == [("airline-7",)]


def test_attempt_whose_id_another_run_has_can_be_shown(tmp_path):
    written(tmp_path / "in" / "x" / "t.jsonl", *whole("a"))
    written(tmp_path / "in" / "y" / "t.jsonl", *later(whole("a")))
    build_store([tmp_path / "in"], tmp_path / "s.duckdb", options=Options(contents=False))
    with Store.open(tmp_path / "s.duckdb") as store:
        [(trace_id,)] = store.rows("SELECT trace_id FROM attempts WHERE trace_id <> 'a'")
        assert show(store, trace_id).trace_id == trace_id
