"""Partial scores and thresholds through the verbs: overview, analyze, verify, diff."""

import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.core.records import ScoreDiff
from halo_opt.reporting.report_files import read_report

CASES = Path(__file__).parents[1] / "data" / "cases"
P1, P2 = (str(CASES / "partial_credit_is_ignored" / name) for name in ("p1", "p2"))
RATINGS = str(CASES / "scores_out_of_range" / "chat10.jsonl")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def compared(capsys: pytest.CaptureFixture[str], *options: str) -> ScoreDiff:
    assert run(["diff", P1, P2, "-q", "--json", *options]) == 0
    return ScoreDiff.model_validate_json(capsys.readouterr().out)


def test_diff_shows_the_mean_scores_of_partial_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", P1, P2, "-q"]) == 0
    assert "Mean score 0.20 to 0.90 over 20 pairs: +0.70 (95% interval" in capsys.readouterr().out


def test_diff_gives_the_mean_scores_with_interval_and_p(capsys: pytest.CaptureFixture[str]) -> None:
    scores = compared(capsys).mean_scores
    assert scores is not None and scores.interval is not None and scores.p_value is not None
    assert scores.interval[0] < 0.7 < scores.interval[1]
    assert scores.p_value < 0.001


def test_diff_with_a_threshold_compares_the_successes_that_it_makes(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, "--success-at", "0.8")
    assert (found.rate_before, found.rate_after) == (0.0, 1.0)


def test_diff_without_a_threshold_keeps_the_outcomes_of_the_harness(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys)
    assert (found.rate_before, found.rate_after) == (0.0, 0.0)


def test_diff_of_whole_scores_has_no_mean_scores(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(CASES.parent / "run-folder")
    assert run(["diff", folder, folder, "-q", "--json"]) == 0
    assert ScoreDiff.model_validate_json(capsys.readouterr().out).mean_scores is None


def test_overview_shows_the_mean_score_and_the_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["overview", P1, P2, "-q", "--json", "--success-at", "0.3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (round(found["mean_score"], 6), found["success_at"], found["outcomes"]) == (
        0.55, 0.3, {"failure": 20, "success": 20}
    )  # fmt: skip
    assert found["mean_score_interval"][0] < 0.55 < found["mean_score_interval"][1]


def test_a_report_holds_the_mean_score_by_run_and_the_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", P1, P2, "-q", "--out", "r", "--success-at", "0.5"]) == 0
    numbers = read_report(Path("r")).overview
    named = ("success_at", "mean_score", "mean_score of p1", "mean_score of p2", "success_rate of p2")
    assert [round(float(str(numbers[name].value)), 6) for name in named] == [0.5, 0.55, 0.2, 0.9, 1.0]


@pytest.mark.parametrize("options", [("--success-at", "0.5"), ()])
def test_verify_reads_the_traces_with_the_threshold_of_the_report(options: tuple[str, ...]) -> None:
    assert run(["analyze", P1, P2, "-q", "--out", "r", *options]) == 0
    assert run(["overview", P1, P2, "-q", "--success-at", "0.1"]) == 0
    assert run(["verify", "r"]) == 0


def test_a_listing_warns_of_ratings_and_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traces", RATINGS]) == 0
    told = capsys.readouterr().err
    assert "3 scores could not be used, because they are not on a scale from 0 to 1: -1, 3, 8" in " ".join(told.split())
    assert "--success-at" in told


def test_a_threshold_of_0_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traces", RATINGS, "--success-at", "0"]) == 2
    assert "--success-at 0 must be a number above 0" in capsys.readouterr().err


def test_verify_reads_outcomes_from_the_scores_file_of_the_report() -> None:
    folder = Path("chats")
    folder.mkdir()
    for number in range(4):
        record = {
            "task_id": f"c{number}",
            "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "ok"}],
        }
        (folder / f"c{number}.json").write_text(json.dumps(record))
    scores = [f"c{number},{'success' if number % 2 else 'failure'}" for number in range(4)]
    Path("scores.csv").write_text("\n".join(["task_id,outcome", *scores]) + "\n")
    assert run(["analyze", "chats", "-q", "--out", "r", "--scores", "scores.csv"]) == 0
    assert read_report(Path("r")).overview["successes"].value == 2
    assert run(["verify", "r"]) == 0
    Path("scores.csv").unlink()
    assert run(["verify", "r"]) == 2
