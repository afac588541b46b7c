"""Traces without outcomes, or with one only: what the attempts show is counted, in every file, and verified."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from halo_opt.cli.app import run
from halo_opt.core.report_records import CountRow, Report
from halo_opt.reporting.report_files import read_report

CASE = Path(__file__).parents[1] / "data" / "cases" / "no_outcome" / "t.jsonl"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report of the case without outcomes."""
    folder = tmp_path_factory.mktemp("counted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report_of()
    return folder / "r"


def report_of(*scores: float | None) -> Report:
    """The report of the case, its attempts with these scores."""
    records: list[dict[str, Any]] = [json.loads(line) for line in CASE.read_text(encoding="utf-8").splitlines()]
    for record, score in zip(records, scores, strict=False):
        if score is not None:
            record["score"] = score
    Path("t.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    assert run(["analyze", "t.jsonl", "-q", "--out", "r"]) == 0
    return read_report(Path("r"))


def rows_of(report: Report, title: str) -> dict[str, CountRow]:
    return {row.title: row for table in report.counts if table.title.startswith(title) for row in table.rows}


def test_behaviours_are_counted_with_an_interval(counted: Path) -> None:
    row = rows_of(read_report(counted), "Behaviours")["A tool call fails"]
    assert (row.shown.value, row.attempts.value) == (6, 6)
    assert isinstance(row.interval.value, list)
    assert 0.5 < row.interval.value[0] < row.interval.value[1] == 1


@pytest.mark.parametrize(
    ("title", "what"),
    [("Errors", "Error: nothing there"), ("Calls", "look()"), ("First actions", "look"), ("Last actions", "respond")],
)
def test_errors_and_actions_are_grouped(counted: Path, title: str, what: str) -> None:
    assert rows_of(read_report(counted), title)[what].shown.value == 6


@pytest.mark.parametrize("scores", [(), (0.0,) * 6, (1.0,) * 6, (0.0, 1.0)])
def test_verify_confirms_the_counts(scores: tuple[float, ...]) -> None:
    assert report_of(*scores).counts
    assert run(["verify", "r"]) == 0


def test_a_wrong_count_is_not_confirmed() -> None:
    report_of()
    file = Path("r/report.json")
    data = json.loads(file.read_text(encoding="utf-8"))
    data["counts"][0]["rows"][0]["shown"]["value"] = 5
    file.write_text(json.dumps(data), encoding="utf-8")
    assert run(["verify", "r"]) == 1


def test_the_report_has_no_empty_cells(counted: Path) -> None:
    lines = (counted / "report.md").read_text(encoding="utf-8").splitlines()
    table_lines = [line for line in lines if line.startswith("|")]
    assert table_lines
    assert [line for line in table_lines if re.search(r"\|\s*\|", line)] == []


def test_the_table_of_behaviours_counts_all_attempts(counted: Path) -> None:
    tested = {str(line["title"]): line for line in read_report(counted).tested}
    assert (tested["A tool call fails"]["attempts_with"], tested["A tool call fails"]["attempts"]) == (6, 6)
    assert not {"failures", "successes", "failures_with", "successes_with"} & tested["A tool call fails"].keys()


@pytest.mark.parametrize("page", ["report.md", "report.html"])
def test_the_counts_are_shown(counted: Path, page: str) -> None:
    assert "6 of 6 attempts" in (counted / page).read_text(encoding="utf-8")


def test_counts_are_printed_where_there_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", str(CASE), "-q", "--out", "r"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Behaviours A tool call fails 6 of 6 attempts 61% to 100%" in printed


def test_attempts_with_both_outcomes_are_compared_and_not_counted_again() -> None:
    assert report_of(0.0, 1.0, 0.0, 1.0, 0.0, 1.0).counts == []
