"""The verbs as a user types them: what they print, where, and with which exit code."""

import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.testing import FakeHarness

TAU = Path(__file__).parents[1] / "data"


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHarness:
    made = FakeHarness.create(tmp_path / "agent")
    monkeypatch.chdir(made.folder)
    return made


def collect(*words: str) -> int:
    return run(["collect", "--model", "none", "--quiet", *words])


def test_collect_analyze_diff_and_sql_work_on_one_run(harness: FakeHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect("--run-id", "first", "--json") == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["run"], row["attempts"], row["errors"]) == ("first", 36, 0)
    assert collect("--run-id", "second", "--attempt", "1") == 0
    capsys.readouterr()
    assert run(["diff", "first", "second", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 36
    assert run(["analyze", "traces/first", "--out", "out", "-q"]) == 0
    assert {path.name for path in Path("out").iterdir()} == {"report.json", "report.md", "report.html", "triage.csv"}
    head, *judged = Path("out/triage.csv").read_text().splitlines()
    assert head.startswith("trace_id,task_id,model,outcome,class,rule,")
    assert len(judged) == json.loads(Path("out/report.json").read_text())["triage"]["failures"]["value"]
    capsys.readouterr()
    assert run(["sql", "SELECT count(*) AS n FROM attempts", "--traces", "traces/first", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 36}]


def test_diff_lists_no_behaviour_that_neither_run_shows(
    harness: FakeHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    collect("--run-id", "first")
    collect("--run-id", "second", "--attempt", "1")
    capsys.readouterr()
    assert run(["diff", "first", "second"]) == 0
    printed = capsys.readouterr()
    assert "provider_error" not in printed.out
    assert "equally frequent on both sides" in printed.err


def test_a_report_whose_number_was_changed_does_not_verify(harness: FakeHarness, capsys) -> None:
    collect("--run-id", "first")
    run(["analyze", "traces/first", "--out", "out", "-q"])
    report = json.loads(Path("out/report.json").read_text())
    report["overview"]["attempts"]["value"] += 1
    Path("out/report.json").write_text(json.dumps(report))
    capsys.readouterr()
    assert run(["verify", "out", "-q"]) == 1
    found = capsys.readouterr()
    assert "overview.attempts" in found.out
    assert "do not confirm 1 statement" in found.err


def test_import_says_what_it_redacted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "gh" + "p_" + "a8Zk2LmQ9xWv3RtY7uIo5PsDfGhJ1bNcM4e6"
    (tmp_path / "x.jsonl").write_text(json.dumps({"trace_id": "t", "span_id": "s", "name": token}) + "\n")
    assert run(["import", str(tmp_path / "x.jsonl"), "--store", str(tmp_path / "s.duckdb")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "redacted before storing: 1 github-token; best effort" in said


def test_check_passes_a_good_harness_and_names_what_a_bad_one_lacks(harness: FakeHarness, capsys) -> None:
    assert run(["check", "--model", "none", "-q"]) == 0
    harness.write_loop(fault={"exit": 70})
    capsys.readouterr()
    assert run(["check", "--model", "none", "-q"]) == 1
    assert "told to refuse" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["analyze", "nowhere"], 2, "nowhere"),
        (["analyze", "traces"], 2, "traces"),
        (["verify", "nowhere.json"], 2, "nowhere.json"),
        (["diff", "a", "b"], 2, "there is no a"),
        (["diff", "a"], 2, "two sets or more"),
        (["run", "--config", "none.yaml"], 2, "none.yaml does not exist"),
        (["collect", "--model", "none", "--tasks", "fake.task-99"], 2, "there is no task fake.task-99; did you mean"),
        (["collect", "--model", "vllm:x@http://127.0.0.1:9/v1"], 3, "http://127.0.0.1:9/v1 does not answer"),
        (["collect", "--model", "missing.gguf"], 2, "missing.gguf"),
        (["collect", "--model", "nonsense"], 2, "nonsense"),
        (["sql", "DROP TABLE attempts"], 2, "no traces were named"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_bad_input_is_one_clear_error(harness: FakeHarness, capsys, words: list[str], code: int, message: str) -> None:
    Path("traces").mkdir()
    assert run(words) == code
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown


def test_an_empty_run_and_a_wrong_hash_are_one_clear_error_each(harness: FakeHarness, capsys) -> None:
    folder = Path("traces/empty")
    folder.mkdir(parents=True)
    (folder / "results.jsonl").touch()
    assert run(["analyze", "traces/empty"]) == 2
    assert "empty" in capsys.readouterr().err
    Path("model.gguf").write_bytes(b"GGUF" + b"\0" * 64)
    assert run(["collect", "--model", f"model.gguf@sha256:{'0' * 64}"]) == 2
    assert "sha256" in capsys.readouterr().err


def test_a_malformed_line_is_counted_placed_and_skipped(harness: FakeHarness, capsys) -> None:
    collect("--run-id", "first")
    spans = next(Path("traces/first/fake").glob("*.jsonl"))
    spans.write_text("{broken\n" + spans.read_text())
    capsys.readouterr()
    assert run(["import", "traces/first"]) == 0
    assert "1 line could not be used" in capsys.readouterr().err
    run(["sql", "SELECT line, head FROM rejects", "--traces", "traces/first", "--json", "-q"])
    assert json.loads(capsys.readouterr().out) == [{"line": 1, "head": "{broken"}]
