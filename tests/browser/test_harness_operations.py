"""The verbs that measure, in real Chromium: what they write, that they go on where they were, and what they refuse."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness_runs import ROOT, config
from operation_runs import Reply, click, endpoint, harness, lines
from ruamel.yaml import YAML

pytestmark = pytest.mark.browser
CLICK, ENTER = "miniwob.click-test", "miniwob.enter-text"
RULES = ("--mode", "rules", "--max-steps", "2")


def test_an_eval_goes_on_where_it_was_and_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = harness("eval", "--tasks", CLICK, "--out", str(out), *RULES, "--debug")
    assert first.returncode == 0, first.stderr
    assert f'{CLICK} step 0: click on button "Click Me!" (by rules)' in first.stderr
    again = harness("eval", "--tasks", f"{CLICK},{ENTER}", "--out", str(out), *RULES)
    assert again.returncode == 0, again.stderr
    assert "1 of 2 attempts are in" in again.stderr
    assert [r["task_id"] for r in lines(out / "results.jsonl")] == [CLICK, ENTER]
    figures = json.loads((out / "metrics.json").read_text())
    assert (figures["valid_tasks"], figures["successes"], figures["success_rate"]) == (2, 1, 0.5)
    assert again.stdout.split()[:2] == ["valid_tasks", "2"]
    other = harness("eval", "--tasks", CLICK, "--out", str(out), "--mode", "rules", "--max-steps", "3")
    assert other.returncode == 2
    assert "holds attempts made with settings.limits.steps 2, not 3" in other.stderr


def test_a_dry_run_says_what_would_run_and_makes_nothing(tmp_path: Path) -> None:
    done = harness(
        "eval", "--task-type", "short", "--sample-size", "5", "--score", "--dry-run", "--out", str(tmp_path / "run"),
        OPENAI_BASE_URL="http://127.0.0.1:9/v1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "70 steps" in done.stdout
    assert "at most 350" in done.stdout
    assert "drawn with --seed 0" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_id_without_its_version_is_one_sentence_with_the_offer() -> None:
    done = harness("eval", "--tasks", "gomail-5", "--out", "x")
    assert done.returncode == 2
    [words] = done.stderr.splitlines()
    assert words.startswith("error: ")
    assert "v2.gomail-5" in words


@pytest.mark.slow
def test_a_matrix_runs_every_mode_on_every_task_once(tmp_path: Path) -> None:
    path, out = config(tmp_path), tmp_path / "matrix"
    yaml = YAML()
    data = yaml.load(path.read_text())
    data["modes"]["rules_state"] = {"worker": "rules", "observation": {"element_state": True}}
    yaml.dump(data, path)
    args = ("matrix", "--config", str(path), "--modes", "rules,rules_state", "--tasks", CLICK, "--out", str(out))
    done = harness(*args)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((out / "matrix.csv").read_text().splitlines()))
    assert [(r["mode"], r["task_id"], r["outcome"]) for r in rows] == [
        ("rules", CLICK, "success"), ("rules_state", CLICK, "success"),
    ]  # fmt: skip
    assert f"| {CLICK} | 1/1 | 1/1 |" in (out / "matrix.md").read_text()
    assert (out / "errors.jsonl").read_text() == ""
    again = harness(*args)
    assert again.stderr.count("nothing was left to run") == 2
    assert list(csv.DictReader((out / "matrix.csv").read_text().splitlines())) == rows


def by_temperature(body: dict[str, Any]) -> Reply:
    """The one button of click-test whatever the temperature; another of click-test-2 when it is hot."""
    alone = "Click the button." in body["messages"][-1]["content"]
    return click("1" if alone or body["temperature"] < 0.5 else "2")


def test_exploration_is_where_two_temperatures_part(tmp_path: Path) -> None:
    two = "miniwob.click-test-2"
    out = tmp_path / "run"
    with endpoint(by_temperature) as server:
        done = harness(
            "verify-exploration", "--tasks", f"{CLICK},{two}", "--temperatures", "0,1", "--task-seed", "4",
            "--out", str(out), **server.env,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "1 of 2 compared tasks differ" in done.stdout
        found = {d["task_id"]: d for d in json.loads((out / "exploration.json").read_text())["tasks"]}
        assert (found[CLICK]["differs"], found[two]["differs"], found[two]["step"]) == (False, True, 0)
        assert found[two]["first"] != found[two]["second"]
        assert {(b["temperature"], b["seed"]) for b in server.bodies if "Click the button." in str(b)} == {
            (t, server.bodies[0]["seed"]) for t in (0.0, 1.0)
        }


@pytest.mark.slow
def test_exploration_that_changes_nothing_exits_with_1(tmp_path: Path) -> None:
    with endpoint(lambda _: click("1")) as server:
        done = harness("verify-exploration", "--tasks", CLICK, "--out", str(tmp_path), **server.env)
    assert done.returncode == 1
    assert "0 of 1 compared tasks differ" in done.stdout


def test_an_end_halfway_keeps_what_is_finished_and_keeps_a_second_command_out(tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ("eval", "--tasks", CLICK, "--seeds", "0,1", "--out", str(out))

    def answer(_: dict[str, Any]) -> Reply:
        if len(server.bodies) == 2:
            server.hold()
        return click("1")

    with endpoint(answer) as server:
        with subprocess.Popen(
            [sys.executable, "-m", "harness", *args],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **server.env},
        ) as process:  # fmt: skip
            assert server.waiting.wait(60)
            second = harness(*args, **server.env)
            process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=600)
        assert second.returncode == 2
        assert f"process {process.pid} is writing into {out}" in second.stderr
        assert process.returncode == 130
        assert "interrupted; finished attempts are kept" in words
        assert [r["seed"] for r in lines(out / "results.jsonl")] == [0]
        assert json.loads((out / "metrics.json").read_text())["valid_tasks"] == 1
        server.released.set()
        again = harness(*args, **server.env)
    assert again.returncode == 0, again.stderr
    assert [r["seed"] for r in lines(out / "results.jsonl")] == [0, 1]
