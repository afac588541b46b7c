"""The whole loop on a real git repository with a real harness program; no browser, no model."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.core.journal import read_events
from halo_opt.core.loop_records import LoopSummary
from halo_opt.testing import FakeHarness


def loop(harness: FakeHarness, *words: str) -> int:
    return run(["run", "--config", str(harness.loop_file), "--model", "none", "--quiet", *words])


def summary_of(harness: FakeHarness) -> LoopSummary:
    return LoopSummary.model_validate_json((harness.folder / "reports/fake/loop.json").read_bytes())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FakeHarness:
    harness = FakeHarness.create(tmp_path_factory.mktemp("loop") / "agent")
    assert loop(harness) == 0
    return harness


def test_a_real_gain_is_found_kept_and_confirmed_on_the_sealed_split(finished: FakeHarness) -> None:
    summary = summary_of(finished)
    kept = [c for turn in summary.iterations for c in turn.candidates if c.verdict.accepted]
    assert kept
    assert all(c.verdict.mechanism_fired for c in kept)
    assert summary.sealed is not None
    assert summary.sealed.difference > 0.3
    assert summary.sealed.interval[0] > 0
    assert summary.best_of_k is not None
    assert summary.best_of_k.k >= 2
    assert summary.best_of_k.rate < summary.sealed.final.rate
    assert summary.baseline_noise.diff.pairs == 36


def test_the_patch_is_a_commit_on_the_loops_branch_and_the_users_files_are_untouched(finished: FakeHarness) -> None:
    summary = summary_of(finished)
    assert finished.git("rev-parse", "halo/fake").strip() == summary.harness_revision_after
    assert finished.git("rev-parse", "main").strip() == summary.harness_revision_before
    assert finished.git("status", "--porcelain") == ""
    assert finished.git("worktree", "list").count("\n") == 1
    message = finished.git("log", "-1", "--format=%B", "halo/fake")
    assert "Halo-Proposal: P1-" in message
    assert "failures" in message
    assert "from_page: true" in finished.git("show", "halo/fake:config.yaml")


def test_the_splits_share_nothing_and_the_sealed_look_is_in_the_ledger(finished: FakeHarness) -> None:
    tasks: dict[str, set[str]] = {}
    for run_folder in (finished.folder / "traces").iterdir():
        lines = (run_folder / "results.jsonl").read_text().splitlines()
        tasks.setdefault(run_folder.name.split(".")[1], set()).update(json.loads(line)["task_id"] for line in lines)
    assert not tasks["train"] & tasks["gate"] | tasks["gate"] & tasks["sealed"] | tasks["train"] & tasks["sealed"]
    looks = (finished.folder / "reports/sealed_looks.jsonl").read_text().splitlines()
    assert len(looks) == 1


def test_a_finished_loop_run_again_pays_nothing_and_says_the_same(finished: FakeHarness) -> None:
    before = summary_of(finished)
    events = len(read_events(finished.folder / "reports/fake/journal.jsonl"))
    assert loop(finished) == 0
    after = summary_of(finished)
    assert after.model_copy(update={"made_at": before.made_at}) == before
    assert len(read_events(finished.folder / "reports/fake/journal.jsonl")) == events


def test_the_report_of_an_iteration_verifies(finished: FakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.folder)
    assert run(["verify", "reports/fake/iter-01", "--quiet"]) == 0


def test_another_gate_for_the_same_loop_is_refused_with_the_remedy(
    finished, capsys: pytest.CaptureFixture[str]
) -> None:
    finished.write_loop(gate={"alpha": 0.2})
    assert loop(finished) == 2
    assert "started with another gate" in capsys.readouterr().err
    finished.write_loop()


def test_a_patch_from_a_report_is_applied_and_reverted(finished, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(finished.loop_file)]
    report = str(finished.folder / "reports/fake/iter-01")
    assert run(["propose", report, *config, "--json"]) == 0
    proposals = json.loads(capsys.readouterr().out)
    assert proposals[0]["edits"]
    assert run(["apply", report, "--finding", "F1", "--dry-run", *config]) == 0
    shown = capsys.readouterr()
    assert "\n+" in shown.out
    assert "nothing was written" in shown.err
    patch = next((finished.folder / "reports/fake/iter-01/proposals").glob("P1-*.diff"))
    assert run(["apply", str(patch), *config, "--branch", "try-it"]) == 0
    assert finished.git("diff", "--stat", "main", "try-it") != ""
    assert run(["revert", "try-it", *config]) == 0
    assert finished.git("diff", "--stat", "main", "try-it") == ""
    assert run(["apply", report, "--finding", "F99", *config]) == 2
    assert "there is no finding F99" in capsys.readouterr().err
    assert run(["propose", report, "--finding", "F99", *config]) == 2
    assert "there is no finding F99" in capsys.readouterr().err
    assert run(["propose", report, "--finding", "F1", *config, "--json"]) == 0
    assert {tuple(p["findings"]) for p in json.loads(capsys.readouterr().out)} == {("F1",)}


def test_killed_again_and_again_it_ends_the_same_and_pays_once(tmp_path: Path) -> None:
    harness = FakeHarness.create(tmp_path / "agent", fault={"seconds": 0.05})
    command = [sys.executable, "-m", "halo_opt", "run", "--config", str(harness.loop_file), "--model", "none", "-q"]
    journal = harness.folder / "reports/fake/journal.jsonl"
    for number, wanted in ((signal.SIGKILL, 15), (signal.SIGINT, 60), (signal.SIGKILL, 110)):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while child.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < wanted):
            time.sleep(0.05)
        child.send_signal(number)
        child.wait()
    assert loop(harness) == 0
    tries: Counter[tuple[str, ...]] = Counter()
    for run_folder in (harness.folder / "traces").iterdir():
        for line in (run_folder / "results.jsonl").read_text().splitlines():
            result = json.loads(line)
            tries[run_folder.name, result["task_id"], result["seed"], result["attempt"]] += 1
    assert set(tries.values()) == {1}
    summary = summary_of(harness)
    assert summary.attempts == sum(tries.values())
    assert summary.sealed is not None
    assert summary.sealed.difference > 0.3


def test_a_loop_whose_harness_offers_nothing_keeps_nothing_and_leaves_sealed_shut(tmp_path: Path) -> None:
    harness = FakeHarness.create(tmp_path / "agent")
    config = harness.folder / "config.yaml"
    config.write_text(config.read_text().replace("false", "true"))
    (harness.folder / "prompts/rules.j2").write_text(
        "You work on a page. Reply with one action.\nNever repeat an action that changed nothing.\n"
    )
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qam", "All remedies in force")
    assert loop(harness) == 0
    summary = summary_of(harness)
    assert summary.sealed is None
    assert "left unopened" in summary.stopped_because
    assert not (harness.folder / "reports/sealed_looks.jsonl").exists()


@pytest.mark.slow
def test_a_spent_budget_ends_with_its_code_and_more_budget_goes_on(tmp_path: Path, capsys) -> None:
    harness = FakeHarness.create(tmp_path / "agent", budget={"attempts": 20})
    assert loop(harness) == 4
    assert "budget.attempts of 20 is used up" in capsys.readouterr().err
    harness.write_loop()
    assert loop(harness) == 0
    assert summary_of(harness).sealed is not None


def test_a_spent_budget_ends_a_small_loop_with_its_code_and_more_budget_goes_on(tmp_path: Path, capsys) -> None:
    splits = {name: {"tasks": 2, "seeds": 2} for name in ("train", "gate", "sealed")}
    small = {"splits": splits, "loop": {"iterations": 1, "candidates": 1}}
    harness = FakeHarness.create(tmp_path / "agent", budget={"attempts": 2}, **small)
    assert loop(harness) == 4
    assert "budget.attempts of 2 is used up" in capsys.readouterr().err
    harness.write_loop(**small)
    assert loop(harness) == 0
    assert summary_of(harness).attempts > 2


def test_a_finding_without_a_remedy_names_the_way_to_a_model(finished, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(finished.loop_file)]
    folder = finished.folder / "reports/fake/iter-01"
    report = json.loads((folder / "report.json").read_text())
    report["findings"] = [{**report["findings"][0], "id": "M1", "behaviour": "claim_1", "remedies": []}]
    other = finished.folder / "claims.json"
    other.write_text(json.dumps(report))
    assert run(["apply", str(other), "--finding", "M1", *config]) == 2
    assert "--finding M1 --model SPEC" in capsys.readouterr().err
