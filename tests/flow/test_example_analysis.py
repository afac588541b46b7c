"""The recorded analyses of `examples/analysis/` replay without a model, and their reports name the true causes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halo_opt.cli.app import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "analysis"


@pytest.fixture(scope="module")
def intercode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the report that the recording of the InterCode analysis gives."""
    folder = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert analyze("intercode", folder / "report") == 0
        yield folder / "report"


def analyze(name: str, out: Path) -> int:
    replies = EXAMPLES / name / "replies.jsonl"
    traces = EXAMPLES / name / "traces"
    return run(["analyze", str(traces), "--out", str(out), "--replay", str(replies), "--in-order", "-q"])


def read(report: Path) -> Any:
    return json.loads((report / "report.json").read_text())


def first_lines(report: Path, count: int) -> str:
    return "\n".join((report / "report.md").read_text(encoding="utf-8").splitlines()[:count])


def test_the_first_screen_of_the_report_names_the_true_causes(intercode: Path) -> None:
    shown = first_lines(intercode, 40)
    for cause in (
        "in a code fence",
        "about /system: No such file",
        "lose their capital letters",
        "Double quotes",
        "Archives",
    ):
        assert cause in shown


def test_the_fence_explains_its_run(intercode: Path) -> None:
    first = read(intercode)["findings"][0]
    assert (first["level"], first["scope"]) == ("shown", "run ic_bash_plan_solve_fs_1")
    assert first["explains"]["value"] == 61
    assert [claim["title"] for claim in first["model_claims"]] == [
        "Commands are sent to the shell with their Markdown fence"
    ]


def test_hardly_a_failure_is_left_unexplained(intercode: Path) -> None:
    triage = read(intercode)["triage"]
    assert triage["unexplained failures"]["value"] < 0.1 * triage["failures"]["value"]


def test_every_claim_of_the_recording_keeps_its_words(intercode: Path) -> None:
    claims = [claim for finding in read(intercode)["findings"] for claim in finding["model_claims"]]
    assert len(claims) == 8
    assert not [claim["unchecked"] for claim in claims if claim["unchecked"]]
    assert "0 of its 113 first commands holds a capital letter" in " ".join(claim["words"] for claim in claims)


@pytest.mark.slow
def test_the_traces_confirm_the_report(intercode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(intercode.parent)
    assert run(["verify", str(intercode), "-q"]) == 0
