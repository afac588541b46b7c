"""What goes wrong on REAL Bench costs one attempt and is an error with its cause, never a score."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from harness_runs import ROOT, Endpoint, alive, browsers_below, config, results, run_eval, start, wait_for
from real_site import Shop

from harness.envs.browser import find_chromium

pytestmark = pytest.mark.browser
TASK = "v2.omnizon-13"


def ended(result: dict[str, Any]) -> tuple[str, str | None, float | None]:
    return result["outcome"], result["cause"], result["score"]


@pytest.mark.slow
def test_a_browser_killed_mid_step_is_an_error_and_the_next_attempt_has_a_new_one(
    endpoint: Endpoint, shop: Shop, tmp_path: Path
) -> None:
    endpoint.held.clear()
    endpoint.replies = [
        '{"action": "click", "target": "1"}',
        '{"action": "click", "target": "1"}',
        '{"action": "done"}',
    ]
    out = tmp_path / "run"
    with start(out, endpoint, "--tasks", TASK, "--seeds", "0,1", "--sites", shop.spec) as process:
        endpoint.asked.wait(120)
        for pid in wait_for(lambda: browsers_below(process.pid)):
            os.kill(pid, signal.SIGKILL)
        endpoint.held.set()
        _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    found = results(out)
    assert ended(found[f"{TASK}/0"]) == ("error", "browser_died", None)
    assert ended(found[f"{TASK}/1"]) == ("success", None, 1.0)


@pytest.mark.slow
def test_a_site_that_is_down_and_a_state_that_is_none_are_errors(shop: Shop, tmp_path: Path) -> None:
    shop.on_finish = (200, "<pre>soon</pre>")
    sites = f"{shop.spec},gomail=http://127.0.0.1:9/"
    done = run_eval(tmp_path / "run", "--tasks", f"{TASK},v2.gomail-5", "--mode", "rules", "--sites", sites)
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "run")
    assert ended(found[f"{TASK}/0"]) == ("error", "grading_failed", None)
    assert ended(found["v2.gomail-5/0"]) == ("error", "environment_error", None)
    assert "/finish does not hold JSON" in done.stderr
    assert "v2.gomail-5 did not start: " in done.stderr
    assert done.stderr.splitlines()[-1] == "2 error"


@pytest.mark.slow
def test_a_grader_that_says_nothing_is_an_error(shop: Shop, tmp_path: Path) -> None:
    args = ("--tasks", "v2.gocalendar-11", "--mode", "rules", "--sites", f"gocalendar={shop.url}", "--include-broken")
    done = run_eval(tmp_path / "run", *args)
    assert done.returncode == 0, done.stderr
    assert ended(results(tmp_path / "run")["v2.gocalendar-11/0"]) == ("error", "grading_failed", None)
    assert "eval_gocalendar_11.py printed neither SUCCESS nor FAILURE (no output)" in done.stderr


# Chromium, save that it ends at once when it is asked for the second time.
ONCE_DOWN = """#!/bin/sh
echo >> "{count}"
[ "$(wc -l < "{count}")" = 2 ] && exit 1
exec "{chromium}" "$@"
"""


@pytest.mark.slow
def test_a_browser_that_once_does_not_start_costs_one_attempt(shop: Shop, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text(ONCE_DOWN.format(count=tmp_path / "count", chromium=find_chromium()), encoding="utf-8")
    browser.chmod(0o755)
    args = ("--tasks", TASK, "--seeds", "0,1,2", "--mode", "rules", "--sites", shop.spec)
    done = run_eval(tmp_path / "run", *args, HALO_CHROMIUM=str(browser))
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "run")
    assert [found[f"{TASK}/{seed}"]["cause"] for seed in (0, 1, 2)] == [None, "browser_died", None]
    assert "the browser does not start here" in done.stderr


# The SDK runs a grader as a process of its own; this makes that process hang.
HANGING = """
import os, sys, time
if any("eval_omnizon_13" in word for word in sys.orig_argv):
    with open({where!r}, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_grader_that_hangs_is_killed_with_the_attempt(shop: Shop, tmp_path: Path) -> None:
    site, pid_file = tmp_path / "site", tmp_path / "grader.pid"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HANGING.format(where=str(pid_file)), encoding="utf-8")
    path = config(tmp_path, limits={"seconds": 28})
    done = run_eval(
        tmp_path / "run", "--tasks", TASK, "--mode", "rules", "--config", str(path), "--sites", shop.spec,
        PYTHONPATH=f"{site}:{ROOT}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ended(results(tmp_path / "run")[f"{TASK}/0"]) == ("error", "time_limit", None)
    assert not alive([int(pid_file.read_text(encoding="utf-8"))])
