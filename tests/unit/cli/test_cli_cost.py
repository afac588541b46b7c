"""What `halo-opt cost` says of places that hold nothing to count."""

from pathlib import Path

import pytest

from halo_opt.cli.app import run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "so nothing was spent from here; name the folder of a report or a loop"),
        (["nowhere"], "nowhere does not exist; name the folder of a report or a loop, or a journal"),
        (["folder"], "folder holds no journal"),
        (["traces.jsonl"], "traces.jsonl line 1 does not check out: the file is damaged, or no journal of halo-opt"),
    ],
)
def test_what_holds_no_journal_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    Path("folder").mkdir()
    Path("traces.jsonl").write_text('{"task_id": 1}\n')
    assert run(["cost", *words]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert shown.startswith("error:")
    assert message in shown
    assert "--fresh" not in shown  # cost has no such option


def test_a_journal_without_calls_is_no_error_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("analysis.jsonl").touch()
    assert run(["cost", "analysis.jsonl"]) == 0
    assert "no call is recorded there, so nothing was spent" in capsys.readouterr().err
