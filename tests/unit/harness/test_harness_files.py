"""Attempt files, result lines, the task table and the words of the command line."""

import json
import re
import threading
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from halo_common.files import append_json_line
from harness.core.errors import UsageError, no_room
from harness.envs.miniwob import tasks
from harness.evaluation.jobs import check_tasks, in_subset, jobs_of, read_jobs, seeds_of, subsets, words_of
from harness.record.results import Job
from harness.record.tracing import span_file
from harness.settings.describe import description, remedies
from harness.settings.load import DEFAULT_CONFIG, load_settings
from harness.settings.schema import ConfigFile


def test_a_torn_last_line_is_closed_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"a": 1}\n{"b": ', encoding="utf-8")
    append_json_line(path, {"c": 3})
    assert path.read_text(encoding="utf-8").splitlines() == ['{"a": 1}', '{"b": ', '{"c": 3}']


def test_writers_at_once_do_not_take_each_other_s_lines_for_torn(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"

    def work() -> None:
        for _ in range(100):
            append_json_line(path, {"text": "y" * 9000})  # more than a page: the file grows in the middle of a write

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines == [json.dumps({"text": "y" * 9000})] * 800


def test_a_line_that_does_not_fit_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        append_json_line(path, {"a": 1})
    assert caught.value.filename == str(path)
    assert str(path) in str(no_room(caught.value))
    assert no_room(OSError(2, "No such file", "x")) is None


def test_attempts_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"task_id": "b", "seed": 2, "attempt": 1}\n\n{"task_id": "a", "seed": 0}\n', encoding="utf-8")
    assert read_jobs(path) == [Job(task_id="b", seed=2, attempt=1), Job(task_id="a", seed=0, attempt=0)]


@pytest.mark.parametrize("line", ['{"task": "a", "seed": 0}', "not json", '{"task_id": "a"}'])
def test_a_bad_line_is_placed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"task_id": "a", "seed": 0}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.jsonl, line 2: expected"):
        read_jobs(path)


def test_an_empty_attempts_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no attempts"):
        read_jobs(path)


def test_tasks_and_seeds_are_multiplied() -> None:
    assert [(j.task_id, j.seed) for j in jobs_of(["a", "b"], [0, 1])] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert jobs_of("a, b", "0,1") == jobs_of(["a", "b"], [0, 1])
    assert [j.attempt for j in jobs_of(["a"], [0], 3)] == [0, 1, 2]
    with pytest.raises(UsageError, match="--tasks must name"):
        jobs_of(" ,", "0")


def test_options_between_commas_are_read_once_each_and_refused_in_words() -> None:
    assert words_of(" a, b,,a ") == ["a", "b"]
    assert seeds_of("0, 3") == [0, 3]
    with pytest.raises(UsageError, match="whole numbers"):
        seeds_of("x")
    with pytest.raises(UsageError, match="at least one"):
        seeds_of(",")


def test_a_task_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"there is no task 'miniwob.click-tst'; the nearest is 'miniwob.click-te"):
        check_tasks(jobs_of(["miniwob.click-tst"], [0]), tasks())


@pytest.mark.parametrize(
    ("given", "offered"),
    [("gomail-5", "v2.gomail-5"), ("omnizon-13", "v2.omnizon-13"), ("click-test", "miniwob.click-test")],
)
def test_an_id_without_its_version_is_offered_with_it_and_never_taken_for_it(given: str, offered: str) -> None:
    with pytest.raises(UsageError, match=rf"'{given}'.*{re.escape(offered)}"):
        check_tasks(jobs_of([given], [0]), tasks())


def test_an_unusable_task_says_why() -> None:
    with pytest.raises(UsageError, match="cannot be used: needs dragging"):
        check_tasks(jobs_of(["miniwob.drag-box"], [0]), tasks())


def test_at_least_sixty_tasks_are_usable_and_each_has_a_horizon() -> None:
    usable = [t for t in tasks() if t.usable]
    assert len(usable) >= 60
    assert all(t.horizon is not None and t.horizon >= 1 for t in usable)
    assert all(t.why_not and t.horizon is None for t in tasks() if not t.usable)
    assert len({t.id for t in tasks()}) == len(tasks())


def test_subsets_are_rules_over_the_table() -> None:
    known = subsets(tasks())
    assert all(t.usable and t.horizon is not None and t.horizon <= 3 for t in known["short"])
    assert set(known["single"]) < set(known["short"]) < set(known["all"])
    assert set(known["short-stated"]) == set(known["short"]) & set(known["stated"])
    assert {t.family for t in known["email"]} == {"email"}


def test_an_unknown_subset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="the nearest is 'short'"):
        in_subset(tasks(), "shrt")


def test_a_span_file_name_holds_no_path(tmp_path: Path) -> None:
    path = span_file(tmp_path, "rules", Job(task_id="../x y", seed=1, attempt=2))
    assert path == tmp_path / "rules" / ".._x_y__seed_1__attempt_2.jsonl"


REMEDIES = {
    "show_element_state", "constrain_targets", "address_by_label", "applicable_actions", "few_shot_examples",
    "state_rules", "show_history", "loop_guard", "ban_no_effect", "submit_check", "done_check", "retry_invalid",
    "raise_step_limit", "compact_observation", "lower_temperature",
}  # fmt: skip


def test_every_remedy_is_offered_and_validates(tmp_path: Path) -> None:
    assert set(remedies()) == REMEDIES
    for word, edits in remedies().items():
        yaml = YAML()
        data = yaml.load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
        before = json.dumps(data)
        for edit in edits:
            assert edit["type"] == "set"
            *groups, last = edit["key"].split(".")
            at = data
            for group in groups:
                at = at[group]
            assert last in at, f"{word}: {edit['key']} should stand in config.yaml"
            at[last] = edit["value"]
        assert json.dumps(data) != before, f"{word} changes nothing"
        path = tmp_path / f"{word}.yaml"
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(data, file)
        load_settings(path)


def test_the_description_is_plain_json_with_bounds() -> None:
    told = json.loads(json.dumps(description()))
    assert told["config"] == "harness/config.yaml"
    assert told["schema"] == ConfigFile.model_json_schema()
    assert told["schema"]["$defs"]["LimitSettings"]["properties"]["steps"]["maximum"] == 100
    assert "prompts/harness/worker.j2" in told["prompts"]
