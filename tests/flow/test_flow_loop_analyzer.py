"""The loop with a model that questions its train traces: what it claims is in the report of the iteration."""

import json
from pathlib import Path

import pytest
from rlm_server import Asked, Said, model_server

from halo_opt.cli.app import run
from halo_opt.core.config import load_config
from halo_opt.loop.analyst import analyzer_options
from halo_opt.testing import FakeHarness

CLAIM = {
    "tool": "claim",
    "title": "Takes many steps",
    "claim": "The agent goes on for long.",
    "predicate_sql": "SELECT trace_id FROM steps GROUP BY trace_id HAVING count(*) >= 4",
    "quotes": [],
}


def replies(asked: Asked) -> Said | str:
    """Reads the harness's rules, claims something without evidence, hands in."""
    actions = [
        [
            {"tool": "harness_files", "path": "prompts/rules.j2"},
            {"tool": "contrast", "title": CLAIM["title"], "predicate_sql": CLAIM["predicate_sql"]},
        ],
        [CLAIM],
        [{"tool": "submit_report", "summary": "Long attempts.", "claims": []}],
    ]
    return json.dumps({"thought": "On.", "actions": actions[min(asked.turns, 2)]})


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHarness:
    monkeypatch.chdir(tmp_path)
    splits = {name: {"tasks": 4, "seeds": 2} for name in ("train", "gate", "sealed")}
    return FakeHarness.create(tmp_path / "agent", splits=splits, loop={"iterations": 1, "candidates": 1})


def start(harness: FakeHarness) -> int:
    return run(["run", "--config", str(harness.loop_file), "--model", "none", "--quiet"])


def with_analyzer(harness: FakeHarness, spec: str, **more: object) -> None:
    text = harness.loop_file.read_text()
    harness.loop_file.write_text(text + f"analyzer: {json.dumps({'model': spec, 'budget': '9calls', **more})}\n")


def test_an_iteration_s_report_holds_what_the_model_claimed_and_nothing_is_asked_twice(harness: FakeHarness) -> None:
    with model_server(replies) as server:
        with_analyzer(harness, server.spec())
        assert start(harness) == 0
        assert len(server.asked) == 3
        assert "You work on a page" in server.asked[1].last  # the harness's own file, as it was run
        assert start(harness) == 0
        assert len(server.asked) == 3
    folder = harness.folder / "reports/fake/iter-01"
    report = json.loads((folder / "report.json").read_text())
    assert report["model_analysis"]["models"]["root"] == "fake-1"
    assert [claim["title"] for claim in report["unsupported"]] == ["Takes many steps"]
    assert run(["verify", str(folder)]) == 0


@pytest.mark.slow
def test_a_model_that_fails_leaves_mining_s_findings_and_the_loop_goes_on(harness: FakeHarness) -> None:
    with model_server(lambda _: Said(status=400)) as server:
        with_analyzer(harness, server.spec())
        assert start(harness) == 0
    report = json.loads((harness.folder / "reports/fake/iter-01/report.json").read_text())
    assert report["tested"]
    assert report["model_analysis"]["ended"] == "model"


def test_a_patch_writer_that_fails_leaves_the_playbook_s_patches(harness: FakeHarness) -> None:
    with model_server(lambda _: Said(status=400)) as server:
        text = harness.loop_file.read_text()
        harness.loop_file.write_text(text + f"proposer: model\nproposer_model: {server.spec()}\n")
        assert start(harness) == 0
    journal = (harness.folder / "reports/fake/journal.jsonl").read_text()
    assert '"proposer_failed"' in journal
    assert '"patch"' in journal


@pytest.mark.parametrize(
    ("more", "words"),
    [({"budget": "lots"}, "'lots' is no limit"), ({"roles": {"boss": "local"}}, "a role is one of root, sub, map")],
)
def test_a_wrong_analyzer_is_said_before_anything_is_run(
    harness: FakeHarness, capsys: pytest.CaptureFixture[str], more: dict[str, object], words: str
) -> None:
    with_analyzer(harness, "openai:gpt-x", **more)
    assert start(harness) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not list((harness.folder / "traces").glob("*/results.jsonl"))


def test_the_loop_file_says_the_size_of_the_context(harness: FakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    with_analyzer(harness, "lab:m@http://127.0.0.1:9/v1", context={"root": "200k", "sub": 32_000})
    options = analyzer_options(load_config(harness.loop_file))
    assert options is not None
    assert options.context_tokens == {"root": 200_000, "sub": 32_000}


def test_a_wrong_size_in_the_loop_file_is_an_error_that_names_its_key(
    harness: FakeHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    with_analyzer(harness, "lab:m@http://127.0.0.1:9/v1", context="huge")
    assert start(harness) == 2
    assert "analyzer.context huge: write the size" in capsys.readouterr().err


@pytest.mark.parametrize("role", ["analyzer", "proposer"])
def test_a_model_that_hangs_does_not_end_the_loop(
    role: str, harness: FakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halo_opt.llm.request.CALL_SECONDS", 0.2)
    monkeypatch.setattr("halo_opt.llm.failures._FIRST_WAIT_S", 0.01)
    with model_server(lambda _: Said(hang=True)) as server:
        if role == "analyzer":
            with_analyzer(harness, server.spec())
        else:
            text = harness.loop_file.read_text()
            harness.loop_file.write_text(text + f"proposer: model\nproposer_model: {server.spec()}\n")
        assert start(harness) == 0
    journal = (harness.folder / "reports/fake/journal.jsonl").read_text()
    assert f'"{role}_failed"' in journal
    assert '"verdict"' in journal


def test_a_second_iteration_is_told_what_the_first_found_and_tried(harness: FakeHarness) -> None:
    harness.write_loop(loop={"iterations": 2, "candidates": 1})
    with model_server(replies) as server:
        with_analyzer(harness, server.spec())
        assert start(harness) == 0
        firsts = [asked.last for asked in server.asked if asked.turns == 0]
    assert "Found and tried before in this loop" not in firsts[0]
    assert "Found and tried before in this loop" in firsts[1]
    assert "P1-" in firsts[1]
