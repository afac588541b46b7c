"""`halo-opt diff A B --out DIR`: the comparison as files, beside the table on stdout; and rates that are kept."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.core.records import ScoreDiff

RUN = Path(__file__).parents[1] / "data" / "run-folder"


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs, a and b, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        shutil.copytree(RUN, name)


def change(**fields: object) -> None:
    """Change the first failure in the results of run b."""
    path = Path("b/results.jsonl")
    results = [json.loads(line) for line in path.read_text().splitlines()]
    failure = next(result for result in results if result["outcome"] == "failure")
    failure |= fields
    path.write_text("".join(json.dumps(result) + "\n" for result in results))


def test_the_comparison_is_written_as_json_markdown_and_page(capsys: pytest.CaptureFixture[str]) -> None:
    change(outcome="success", score=1.0)
    assert run(["diff", "a", "b", "--out", "deep/out"]) == 0
    printed = capsys.readouterr()
    assert {path.name for path in Path("deep/out").iterdir()} == {"diff.json", "diff.md", "diff.html"}
    diff = ScoreDiff.model_validate_json(Path("deep/out/diff.json").read_text())
    assert (diff.before, diff.after, len(diff.gained)) == ("a", "b", 1)
    assert "Tasks that changed" in printed.out
    assert f"| {diff.gained[0].task_id.replace('_', chr(92) + '_')} |" in Path("deep/out/diff.md").read_text()
    assert diff.gained[0].task_id in Path("deep/out/diff.html").read_text()
    assert "report: deep/out/diff.html" in printed.err


def test_what_is_printed_is_the_same_with_files_and_without(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b", "-q"]) == 0
    without = capsys.readouterr().out
    assert run(["diff", "a", "b", "-q", "--out", "out"]) == 0
    assert capsys.readouterr().out == without


def test_json_on_stdout_and_in_the_file_are_the_same_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b", "-q", "--json", "--out", "out"]) == 0
    printed = ScoreDiff.model_validate_json(capsys.readouterr().out)
    written = ScoreDiff.model_validate_json(Path("out/diff.json").read_text())
    assert (written.pairs, written.gained, written.difference) == (printed.pairs, printed.gained, printed.difference)
    assert [shift.behaviour for shift in written.behaviours] == [shift.behaviour for shift in printed.behaviours]


def test_files_are_written_whole_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out/diff.html").mkdir(parents=True)
    Path("out/diff.md").write_text("earlier")
    assert run(["diff", "a", "b", "-q", "--out", "out"]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert Path("out/diff.md").read_text() == "earlier"
    assert {path.name for path in Path("out").iterdir()} == {"diff.html", "diff.md"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "a", "--out", "out"], "--out writes one comparison; name two runs"),
        (["a", "b", "--out", "a/results.jsonl"], "a/results.jsonl is a file"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_compared(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run(["diff", *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path(".halo_opt").exists()


def behaviours(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[float | None, float | None]]:
    assert run(["diff", "a", "b", "-q", "--json"]) == 0
    diff = ScoreDiff.model_validate_json(capsys.readouterr().out)
    return {shift.behaviour: (shift.before, shift.after) for shift in diff.behaviours}


def test_rates_that_were_kept_are_those_that_were_measured(capsys: pytest.CaptureFixture[str]) -> None:
    measured = behaviours(capsys)
    Path(".halo_opt/stores/a.duckdb").unlink()
    assert behaviours(capsys) == measured
    assert not Path(".halo_opt/stores/a.duckdb").exists()


def test_rates_are_measured_again_when_the_run_changed(capsys: pytest.CaptureFixture[str]) -> None:
    before = behaviours(capsys)
    change(outcome="error", score=None)
    after = behaviours(capsys)
    assert {name: pair[0] for name, pair in after.items()} == {name: pair[0] for name, pair in before.items()}
    assert after != before


def test_rates_are_measured_again_when_what_was_kept_is_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    before = behaviours(capsys)
    Path(".halo_opt/stores/a.rates.json").write_text('{"key": 1')
    assert behaviours(capsys) == before


def test_rates_are_measured_again_when_a_detector_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = behaviours(capsys)
    kept = Path(".halo_opt/stores/a.rates.json")
    text = kept.read_text()
    kept.write_text(text.replace('"rates": {"', '"rates": {"no_such_behaviour": 1.0, "', 1))
    assert behaviours(capsys) != before
    monkeypatch.setattr("halo_opt.mining.rates._detectors_hash", lambda: "another")
    assert behaviours(capsys) == before
