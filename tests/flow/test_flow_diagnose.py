"""The verb diagnose, as a user types it."""

import csv
import io
import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run

COLUMNS = ["trace_id", "task_id", "agent", "step", "problem", "fault", "quote", "finding", "rule", "by", "checked"]


def history(*spoken: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": "assistant", "name": name, "content": words} for name, words in spoken]


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two labelled failures and one success of a group of agents."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "group.jsonl"
    wrong = history(("Planner", "We look it up."), ("Searcher", "It is 41."))
    right = history(("Planner", "We look it up."), ("Searcher", "It is 42."))
    records = [
        {"question": "How many?", "question_ID": "q1", "ground_truth": "42", "history": wrong, "mistake_step": "1"},
        {"question": "How many?", "question_ID": "q1", "ground_truth": "42", "history": right, "is_correct": True},
        {"question": "Who?", "question_ID": "q2", "ground_truth": "Ada", "history": [], "mistake_step": "0"},
    ]
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert run(["diagnose", *words]) == code, capsys.readouterr().err
    found = capsys.readouterr()
    return found.out, found.err


def test_failures_are_diagnosed_with_the_agent_and_rows_have_the_same_columns_in_json_and_csv(
    traces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(said(capsys, str(traces), "--json", "-q")[0])
    assert document["total"] == 2
    assert set(document["rows"][0]) == set(COLUMNS)
    found = {row["task_id"]: row for row in document["rows"]}
    assert (found["q1"]["agent"], found["q1"]["step"], found["q1"]["quote"]) == ("Searcher", 1, "It is 41.")
    assert (found["q2"]["step"], found["q2"]["rule"]) == (None, "no steps")
    rows = list(csv.reader(io.StringIO(said(capsys, str(traces), "--format", "csv", "-q")[0])))
    assert rows[0] == COLUMNS
    out, err = said(capsys, str(traces), "--limit", "1")
    assert "1 of 2 attempts; raise --limit for the other 1" in err
    assert "q1" in out


def test_where_nothing_failed_one_message_says_so(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, str(traces), "--outcome", "success")
    assert "is a success, so there is nothing to diagnose" in err
    assert out == ""
    assert "no attempt that was asked for failed" in said(capsys, str(traces), "--task", "other")[1]
    assert json.loads(said(capsys, str(traces), "--task", "other", "--json")[0]) == {"rows": [], "total": 0}


def test_a_trace_that_does_not_exist_is_an_error(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no attempt's trace id begins with 'nobody'" in said(capsys, str(traces), "--trace", "nobody", code=2)[1]
