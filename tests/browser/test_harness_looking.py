"""The verbs that look: debug shows an attempt as it goes, smoke says what would fail before anything is paid for."""

from pathlib import Path

import pytest
from operation_runs import click, endpoint, harness, lines

pytestmark = pytest.mark.browser
LOGIN = "miniwob.login-user"


def test_debug_prints_each_step_and_who_decided(tmp_path: Path) -> None:
    args = ("debug", LOGIN, "--mode", "rules", "--max-steps", "2", "--out", str(tmp_path), "--task-seed", "1")
    done = harness(*args, DISPLAY="", WAYLAND_DISPLAY="")
    assert done.returncode == 0, done.stderr
    assert "there is no display here, so the browser runs without a window" in done.stderr
    assert done.stdout.startswith("goal: Enter the username")
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("step ")] == ["0", "1"]
    for words in ("decided by      rules", 'on textbox "Username"', "cache hit", "manager called", "page type"):
        assert words in done.stdout
    assert "failure, score 0 after 2 steps, ended by step_limit" in done.stdout


@pytest.mark.slow
def test_debug_with_pause_takes_a_step_for_each_enter_and_is_another_attempt_each_time(tmp_path: Path) -> None:
    args = ("debug", LOGIN, "--mode", "rules", "--max-steps", "3", "--headless", "--out", str(tmp_path))
    done = harness(*args, "--pause", stdin="\n")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("press Enter for the next step") == 2  # the second finds nobody to press it
    assert "after 3 steps" in done.stdout
    harness(*args)
    assert [r["attempt"] for r in lines(tmp_path / "results.jsonl")] == [0, 1]


def test_the_set_up_is_looked_at_without_a_model_call() -> None:
    with endpoint(lambda _: click("1")) as server:
        bad = harness("debug", "gomail-5", "--dry-run", "--headless", **server.env)
        assert server.bodies == []
    assert bad.returncode == 3
    assert "v2.gomail-5" in bad.stdout
    assert "cannot run here: task" in bad.stderr
    good = harness("debug", LOGIN, "--dry-run", "--headless", "--mode", "rules")
    assert good.returncode == 0, good.stderr
    assert "model calls  at most 0" in good.stdout


@pytest.mark.slow
def test_smoke_needs_no_key_unless_a_mode_does() -> None:
    keys = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    done = harness("smoke", **keys)
    assert done.returncode == 0, done.stderr
    assert "was loaded, clicked and graded" in done.stdout
    model = harness("smoke", "--mode", "baseline_worker", **keys)
    assert model.returncode == 3
    assert "no answer from http://127.0.0.1:9/v1" in model.stdout
    assert model.stderr.startswith("error: this cannot run here: worker endpoint")


def test_smoke_says_that_the_browser_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    done = harness("smoke", "--browser-only", HALO_CHROMIUM=str(broken))
    assert done.returncode == 3
    assert "one step" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_browser_is_looked_at_alone_whatever_the_config_says(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("nonsense: true\n")
    args = ("smoke", "--config", str(tmp_path / "c.yaml"))
    assert harness(*args, "--browser-only").returncode == 0
    done = harness(*args)
    assert done.returncode == 3
    assert "unknown key 'nonsense'" in done.stdout
