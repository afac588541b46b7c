"""Faults of a model's endpoint and of the disk: each an error with its cause, or one sentence that says what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from harness_runs import config
from operation_runs import Reply, click, endpoint, harness, lines, said

pytestmark = pytest.mark.browser
CLICK, ENTER = "miniwob.click-test", "miniwob.enter-text"
RULES = ("--mode", "rules", "--max-steps", "2")


def test_a_refused_key_stops_the_eval_with_one_sentence(tmp_path: Path) -> None:
    with endpoint(lambda _: (401, "{}")) as server:
        done = harness("eval", "--tasks", f"{CLICK},{ENTER}", "--out", str(tmp_path), **server.env)
    assert done.returncode == 3
    assert "answered 401: it refused the key in OPENAI_API_KEY" in done.stderr.splitlines()[-1]
    [only] = lines(tmp_path / "results.jsonl")
    assert (only["outcome"], only["cause"], only["score"]) == ("error", "model_error", None)
    assert len(server.bodies) == 1


def test_each_fault_of_an_endpoint_is_an_error_with_its_cause_and_a_refusal_is_a_step_that_did_nothing(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"

    def answer(_: dict[str, Any]) -> Reply:
        number = len(server.bodies)
        if number == 3:
            server.hold()
        faults = {1: (429, "{}"), 2: (500, "{}"), 3: (200, "{}")}
        return faults.get(number) or (said(None, refusal="I can't help with that.") if number < 6 else click("1"))

    path = config(tmp_path, model={"retries": 0, "timeout": 1.0}, limits={"steps": 2})
    with endpoint(answer) as server:
        done = harness(
            "eval", "--tasks", CLICK, "--seeds", "0,1,2,3,4", "--config", str(path), "--out", str(out), **server.env
        )
    assert done.returncode == 0, done.stderr
    found = lines(out / "results.jsonl")
    assert [(r["outcome"], r["cause"], r["steps"]) for r in found] == [
        *[("error", "model_error", 0)] * 3, ("failure", None, 2), ("success", None, 1),
    ]  # fmt: skip
    told = lines(out / "errors.jsonl")
    for line, words in zip(told, ("status 429", "status 500", "did not reply within 1 s"), strict=True):
        assert words in line["message"]
        assert "Traceback" in line["traceback"]
    figures = json.loads((out / "metrics.json").read_text())
    assert (figures["valid_tasks"], figures["init_or_agent_errors"], figures["success_rate"]) == (2, 3, 0.5)


@pytest.mark.parametrize(
    "full",
    [f"rules/{CLICK}__seed_1__attempt_0.jsonl", pytest.param("results.jsonl", marks=pytest.mark.slow)],
)
def test_a_full_disk_is_said_and_what_was_finished_goes_on_later(tmp_path: Path, full: str) -> None:
    out = tmp_path / "run"
    args = ("eval", "--tasks", CLICK, "--seeds", "0,1", "--out", str(out), *RULES)
    blocked = out / full
    blocked.parent.mkdir(parents=True)
    blocked.symlink_to("/dev/full")
    done = harness(*args)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert str(blocked) in done.stderr
    assert "finished attempts are kept" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    blocked.unlink()
    before = len(lines(out / "results.jsonl")) if full != "results.jsonl" else 0
    again = harness(*args)
    assert again.returncode == 0, again.stderr
    assert before == (0 if full == "results.jsonl" else 1)
    assert [r["outcome"] for r in lines(out / "results.jsonl")] == ["success", "success"]
