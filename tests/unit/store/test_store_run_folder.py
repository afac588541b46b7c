"""Run folders: which try counts, what is unfinished, what a bad line costs."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store

RUN = Path(__file__).parents[2] / "data" / "run-folder"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUN, tmp_path / "small"))


def built(run: Path) -> Store:
    place = run.parent / "s.duckdb"
    build_store([run], place)
    return Store.open(place)


def add_result(run: Path, **changes: object) -> None:
    line = json.loads((run / "results.jsonl").read_text().splitlines()[0])
    with (run / "results.jsonl").open("a") as file:
        file.write(json.dumps({**line, **changes}) + "\n")


def test_counts_tell_retries_unfinished_and_missing_spans_apart(run):
    summary = build_store([run], run.parent / "s.duckdb")
    assert (summary.attempts, summary.retried_errors, summary.unfinished, summary.without_spans) == (4, 1, 1, 1)
    assert (summary.rejects, summary.superseded) == (0, 0)


def test_retried_error_is_replaced_by_its_success_with_the_right_spans(run):
    with built(run) as store:
        rows = store.rows("SELECT trace_id, outcome, line FROM attempts WHERE task_id = 'click-it' AND seed = 0")
        assert rows == [("c1" * 16, "success", 5)]
        assert store.rows("SELECT count(*) FROM spans WHERE trace_id = ?", ["c0" * 16]) == [(0,)]


def test_late_error_does_not_replace_a_measurement(run):
    add_result(run, outcome="error", score=None, cause="browser_died", trace_id="f" * 32)
    with built(run) as store:
        assert store.rows("SELECT outcome FROM attempts WHERE task_id = 'enter-name' AND seed = 0") == [("success",)]
        assert store.summary().retried_errors == 2


def test_later_measurement_supersedes_an_earlier_one(run):
    add_result(run, outcome="failure", score=0.25, trace_id="f" * 32)
    with built(run) as store:
        rows = store.rows("SELECT outcome, score FROM attempts WHERE task_id = 'enter-name' AND seed = 0")
        assert rows == [("failure", 0.25)]
        assert (store.summary().superseded, store.summary().unfinished) == (1, 1)


def test_error_has_no_score_even_when_the_line_gives_one(run):
    add_result(run, seed=9, outcome="error", score=0.0, cause="time_limit", trace_id="9" * 32)
    with built(run) as store:
        rows = store.rows("SELECT outcome, score, cause, end_reason FROM attempts WHERE seed = 9")
        assert rows == [("error", None, "time_limit", "error")]
        assert store.rows("SELECT count(*) FROM scores WHERE trace_id = ?", ["9" * 32]) == [(0,)]


def test_bad_result_lines_are_placed_and_good_ones_kept(run):
    with (run / "results.jsonl").open("ab") as file:
        file.write(b'null\n\xff\xfe\n{"task_id": "x"}\n' + b'{"task_id": "enter-na')
    with built(run) as store:
        assert store.rows("SELECT count(*) FROM attempts") == [(4,)]
        assert store.rows("SELECT line, reason FROM rejects ORDER BY line") == [
            (6, "not an object but null"),
            (7, "not UTF-8 (byte 0)"),
            (8, "seed is missing; it must be a whole number of 64 bits"),
            (9, "last line is cut off"),
        ]


def test_score_out_of_range_is_rejected_not_clipped(run):
    add_result(run, seed=9, score=1.5, trace_id="9" * 32)
    with built(run) as store:
        [(line, reason)] = store.rows("SELECT line, reason FROM rejects")
        assert line == 6
        assert reason == "score must be a number from 0 to 1, or null, and is 1.5"


def test_run_without_run_json_takes_the_folder_name(run):
    (run / "run.json").unlink()
    with built(run) as store:
        assert store.rows("SELECT run_id, model FROM runs") == [("small", None)]
        assert store.rows("SELECT DISTINCT model FROM attempts WHERE steps > 0") == [("smollm2-135m",)]


def test_broken_run_json_is_a_reject_and_the_attempts_are_kept(run):
    (run / "run.json").write_text('{"run_id": ')
    with built(run) as store:
        assert store.rows("SELECT count(*) FROM attempts") == [(4,)]
        assert store.rows("SELECT line, reason FROM rejects") == [(1, "not JSON")]


def test_files_under_artifacts_are_not_taken_for_spans(run):
    (run / "artifacts").mkdir()
    (run / "artifacts" / "log.jsonl").write_text('{"any": "thing"}\n')
    assert build_store([run], run.parent / "s.duckdb").rejects == 0


def test_tokens_come_from_the_result_line_else_from_the_spans(run):
    with built(run) as store:
        rows = store.rows("SELECT tokens_in, tokens_out FROM attempts WHERE task_id = 'enter-name' ORDER BY seed")
        assert rows == [(201, 20), (303, 30)]


@pytest.mark.parametrize(("field", "number"), [("steps", 2**31), ("tokens_in", -(10**30)), ("seed", 2**63)])
def test_result_line_with_a_number_that_no_column_holds_is_refused_and_the_others_count(run, field, number):
    before = len((run / "results.jsonl").read_text().splitlines())
    add_result(run, **{field: number})
    with built(run) as store:
        [(line, reason)] = store.rows("SELECT line, reason FROM rejects")
        assert store.summary().attempts > 0
    assert (line, reason.split()[0]) == (before + 1, field)
