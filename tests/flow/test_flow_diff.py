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
        (["a", "b", "a", "--out", "out"], "--out writes one comparison; name two sets"),
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


def conversations(path: str, solved: dict[str, bool | None], **more: object) -> None:
    """A file of short conversations, one for each task, solved or not; None for a record without a reward."""
    records = []
    for task, won in solved.items():
        record: dict[str, object] = {
            "task_id": task,
            "messages": [{"role": "user", "content": f"do {task}"}, {"role": "assistant", "content": "done"}],
            **more,
        }
        records.append(record if won is None else record | {"reward": float(won)})
    Path(path).write_text("".join(json.dumps(record) + "\n" for record in records))


def found(capsys: pytest.CaptureFixture[str], *words: str) -> ScoreDiff:
    assert run(["diff", *words, "-q", "--json"]) == 0
    return ScoreDiff.model_validate_json(capsys.readouterr().out)


def test_two_files_of_traces_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [f"t{n}" for n in range(8)]
    conversations("old.jsonl", dict.fromkeys(tasks, False))
    conversations("new.jsonl", dict.fromkeys(tasks, True))
    diff = found(capsys, "old.jsonl", "new.jsonl")
    assert (diff.before, diff.after, diff.pairs, diff.difference) == ("old", "new", 8, 1.0)


def test_a_store_is_compared_with_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "a", "--store", "a.duckdb", "-q"]) == 0
    capsys.readouterr()
    diff = found(capsys, "a.duckdb", "b")
    assert (diff.pairs > 0, diff.difference) == (True, 0.0)


def test_models_within_one_folder_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mixed").mkdir()
    conversations("mixed/x.jsonl", {"t1": True, "t2": True}, model="m-x")
    conversations("mixed/y.jsonl", {"t1": False, "t2": True}, model="m-y")
    diff = found(capsys, "mixed", "--by", "model")
    assert (diff.before, diff.after, diff.rate_before, diff.rate_after) == ("m-x", "m-y", 1.0, 0.5)


def test_one_group_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    conversations("one.jsonl", {"t1": True}, model="m-x")
    assert run(["diff", "one.jsonl", "--by", "model"]) == 2
    assert "all attempts have the model m-x" in capsys.readouterr().err


def test_without_outcomes_behaviours_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    conversations("old.jsonl", {"t1": None, "t2": None})
    conversations("new.jsonl", {"t1": None, "t2": None})
    assert run(["diff", "old.jsonl", "new.jsonl"]) == 0
    printed = capsys.readouterr()
    assert "Neither side says how its attempts ended, so only behaviours are compared" in printed.out
    assert "without an outcome" in printed.out


def test_seeds_that_differ_everywhere_are_paired_by_task(capsys: pytest.CaptureFixture[str]) -> None:
    conversations("old.jsonl", {"t1": True, "t2": False}, seed=1)
    conversations("new.jsonl", {"t1": True, "t2": True}, seed=2)
    diff = found(capsys, "old.jsonl", "new.jsonl")
    assert (diff.pairs, diff.paired_by) == (2, "task")


def test_what_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "gone"]) == 2
    assert "there is no gone; name a trace file or folder, a run, or a store" in capsys.readouterr().err
