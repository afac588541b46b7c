"""Every mode on every task: the tables over finished attempts, and modes that cannot run."""

import csv
import json
from pathlib import Path

import pytest
from harness_results import result, setup, trail, write_spans

from halo_common.files import append_json_line
from harness.core.errors import EnvironmentMissing, UsageError
from harness.evaluation.matrix import CSV, MD, Column, mode_table, run_matrix, write
from harness.evaluation.run_folder import ERRORS, METRICS
from harness.record.results import Job, Result
from harness.running.setup import Setup

JOBS = [Job(task_id=task, seed=seed) for task in ("a", "b") for seed in (0, 1)]


def put(where: Setup, *results: Result) -> None:
    """What a mode's run leaves behind."""
    Path(where.out).mkdir(parents=True, exist_ok=True)
    for one in results:
        append_json_line(Path(where.out) / "results.jsonl", one.model_dump())
        write_spans(where, one, trail(one.trace_id, halo__end_reason="done", halo__worker__calls=3))


def test_a_matrix_tells_modes_and_tasks_and_why_attempts_failed(tmp_path: Path) -> None:
    good, bad = setup(tmp_path / "good", "good"), setup(tmp_path / "bad", "bad")
    errors = [result("a", score=None, trace_id="x"), result("b", score=None, trace_id="y", cause="time_limit")]
    asked = [result("a", seed=0), result("a", seed=1, score=0.0), result("b", seed=0), result("b", seed=1)]
    put(good, *asked, result("not-asked"))
    put(bad, *errors)
    append_json_line(
        tmp_path / "bad" / ERRORS, {"mode": "bad", "trace_id": "x", "message": "it died", "traceback": "Trace"}
    )
    append_json_line(tmp_path / "bad" / ERRORS, {"mode": "bad", "trace_id": "mended", "message": "was run again"})
    columns = [Column(good, asked), Column(bad, errors, "no model answers")]
    write(tmp_path, columns)

    rows = list(csv.DictReader((tmp_path / CSV).read_text(encoding="utf-8").splitlines()))
    assert [(r["mode"], r["task_id"], r["seed"], r["outcome"], r["score"]) for r in rows[:2]] == [
        ("good", "a", "0", "success", "1.0"), ("good", "a", "1", "failure", "0.0"),
    ]  # fmt: skip
    assert (rows[4]["cause"], rows[4]["score"], rows[0]["end_reason"], rows[0]["worker_calls"]) == (
        "browser_died", "", "done", "3",
    )  # fmt: skip

    page = (tmp_path / MD).read_text(encoding="utf-8")
    assert "| a | 1/2 | 1 error |" in page
    assert "| b | 2/2 | 1 error |" in page
    assert "| bad | time_limit | 1 |" in page
    assert "| bad | no model answers |" in page

    told = [json.loads(line) for line in (tmp_path / ERRORS).read_text(encoding="utf-8").splitlines()]
    assert [line.get("traceback") for line in told] == ["Trace", None, None]
    assert told[1]["cause"] == "time_limit"
    assert told[2] == {"mode": "bad", "cause": "environment_missing", "message": "no model answers"}

    figures = json.loads((tmp_path / METRICS).read_text(encoding="utf-8"))
    assert figures["good"]["success_rate"] == 0.75
    assert figures["bad"]["success_rate"] is None
    head, by_mode = mode_table(columns)
    assert dict(zip(head, by_mode[0], strict=True))["worker_calls"] == "12"
    assert dict(zip(head, by_mode[1], strict=True))["success_rate"] == "-"


def test_a_mode_that_cannot_run_stops_no_other(tmp_path: Path) -> None:
    setups = [setup(tmp_path / name, name) for name in ("first", "second")]

    def run(where: Setup) -> None:
        if where.mode == "first":
            raise EnvironmentMissing("nothing listens")
        put(where, result("a"))

    said: list[str] = []
    columns = run_matrix(setups, JOBS, tmp_path, run=run, log=said.append)
    assert [c.lost for c in columns] == ["nothing listens", None]
    assert len(columns[1].results) == 1
    assert "mode first cannot run: nothing listens" in said


def test_what_was_finished_before_an_end_is_in_the_tables(tmp_path: Path) -> None:
    def run(where: Setup) -> None:
        put(where, result("a"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_matrix([setup(tmp_path / "m")], JOBS, tmp_path, run=run, log=lambda _: None)
    assert "| a | 1/1 |" in (tmp_path / MD).read_text(encoding="utf-8")


def test_two_matrices_do_not_write_into_one_folder(tmp_path: Path) -> None:
    def run(_: Setup) -> None:
        run_matrix([], JOBS, tmp_path, run=run, log=lambda _: None)

    with pytest.raises(UsageError, match="is writing into"):
        run_matrix([setup(tmp_path / "m")], JOBS, tmp_path, run=run, log=lambda _: None)
