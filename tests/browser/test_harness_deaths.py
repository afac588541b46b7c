"""Whatever dies, hangs or is ended costs one attempt, and leaves no browser behind."""

import os
import signal
from pathlib import Path

import pytest
from harness_runs import (
    ROOT,
    Endpoint,
    alive,
    browsers_below,
    config,
    results,
    run_eval,
    spans,
    start,
    wait_for,
)

from halo_common.processes import process_tree


def test_an_endpoint_that_is_down_stops_the_eval_with_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "run"
    names = "miniwob.click-test,miniwob.enter-text"
    done = run_eval(out, "--tasks", names, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].startswith("error: no model answers at http://127.0.0.1:9/v1")
    found = results(out)
    assert list(found) == ["click-test/0"]
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "model_unreachable")
    assert found["click-test/0"]["score"] is None


def test_a_browser_that_dies_is_an_error_and_the_next_attempt_has_a_new_one(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.held.clear()
    out = tmp_path / "run"
    with start(out, endpoint, "--tasks", "miniwob.click-test", "--seeds", "0,1") as process:
        endpoint.asked.wait(60)
        for pid in wait_for(lambda: browsers_below(process.pid)):
            os.kill(pid, signal.SIGKILL)
        endpoint.held.set()
        _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    found = results(out)
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "browser_died")
    assert found["click-test/1"]["outcome"] == "success"
    root = next(s for s in spans(out, "baseline_worker", "click-test", 0) if s["name"] == "attempt")
    assert root["status"]["code"] == "STATUS_CODE_ERROR"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ending_the_eval_ends_its_browser(endpoint: Endpoint, tmp_path: Path, how: signal.Signals) -> None:
    endpoint.held.clear()
    with start(tmp_path / "run", endpoint, "--tasks", "miniwob.click-test", "--seeds", "0,1") as process:
        endpoint.asked.wait(60)
        below = [one.pid for one in process_tree(process.pid)[1:]]
        assert browsers_below(process.pid)
        process.send_signal(how)
        process.communicate(timeout=600)
    wait_for(lambda: not alive(below))
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert not (tmp_path / "run" / "results.jsonl").exists()


HANG = "() => { document.body.addEventListener('mousedown', () => { for (;;) {} }); }"


HANGING_CHILD = """
import harness.envs.miniwob as m
start = m.MiniWob.start
def hang(self, page, job):
    goal = start(self, page, job)
    if job.seed == 0:
        page.evaluate({script!r})
    return goal
m.MiniWob.start = hang
"""


def test_a_page_stuck_in_a_loop_is_killed_at_the_limit(tmp_path: Path) -> None:
    # A benchmark page that hangs is planted from outside: the child process loads it as any site's customization.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HANGING_CHILD.format(script=HANG), encoding="utf-8")
    out = tmp_path / "run"
    path = config(tmp_path, limits={"seconds": 6})
    names = "miniwob.click-test"
    done = run_eval(
        out, "--tasks", names, "--seeds", "0,1", "--mode", "rules", "--config", str(path), PYTHONPATH=f"{site}:{ROOT}"
    )
    assert done.returncode == 0, done.stderr
    found = results(out)
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "time_limit")
    assert found["click-test/1"]["outcome"] == "success"
    root = next(s for s in spans(out, "rules", "click-test", 0) if s["name"] == "attempt")
    assert root["attributes"]["halo.cause"] == "time_limit"
    assert root["attributes"]["halo.goal"] == "Click the button."
