"""From trace files on disk through the real store to a verified report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halo_opt.mining.detectors import errors, talk
from halo_opt.mining.mine import analyze
from halo_opt.mining.verify import verify_report
from halo_opt.records import Report
from halo_opt.store import Store, build_store, guarded_query

DATA = Path(__file__).parents[1] / "data"


def message(role: str, content: str | None = None, *, call: tuple[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"role": role, "content": content}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        given["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
    return given


def talk_of(*, asks: bool) -> list[dict[str, Any]]:
    """A short airline talk; without asking first the booking was not agreed to."""
    agreed = "Yes, please go ahead" if asks else "I would like to fly on Monday"
    return [
        message("system", "policy"),
        message("user", "Hello"),
        message("assistant", "When would you like to fly? Shall I book it?"),
        message("user", agreed),
        message("assistant", call=("book_reservation", {"user_id": "u"})),
        message("tool", '{"reservation_id": "R1"}'),
        message("assistant", "It is booked."),
        message("user", "###STOP###"),
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Twelve tasks, four tries each: booking without consent fails, with two exceptions."""
    lines = []
    for task in range(12):
        for trial in range(4):
            asks = trial % 2 == 0
            lucky = task in {2, 5} and trial == 1
            reward = 1.0 if asks or lucky else 0.0
            info = {"task": {"instruction": "Book a flight"}}
            record = {"task_id": task, "trial": trial, "reward": reward, "info": info, "traj": talk_of(asks=asks)}
            lines.append(json.dumps(record))
    traces = tmp_path / "model-airline.jsonl"
    traces.write_text("\n".join(lines) + "\n")
    build_store([traces], tmp_path / "store.duckdb")
    with Store.open(tmp_path / "store.duckdb") as opened:
        yield opened


def test_the_planted_failure_mode_is_first_and_the_report_verifies_under_the_guard(store: Store) -> None:
    # Few detectors keep the guarded queries few: each is a process of its own.
    behaviours = [talk.CHANGED_WITHOUT_CONSENT, errors.TOOL_ERROR]
    made = analyze(store, [], title="airline", made_at="2026-01-01T00:00:00+00:00", behaviours=behaviours)
    report = Report.model_validate_json(made.model_dump_json())
    first = report.findings[0]
    assert first.behaviour == "changed_without_consent"
    assert first.numbers["failures_with"].value == 22
    assert first.numbers["successes_with"].value == 2
    assert len(first.counter_examples) == 2
    assert "user's" not in first.claim
    assert verify_report(report, store) == []
    short = report.model_copy(update={"overview": {}, "triage": {}, "ceiling": {}})
    found = verify_report(short, store, query=lambda sql: guarded_query(store, sql, max_rows=10_000).rows)
    assert found == []


@pytest.mark.parametrize("name", ["tau-bench", "intercode"])
def test_real_excerpts_give_reports_that_verify(name: str, tmp_path: Path) -> None:
    build_store([DATA / name], tmp_path / "store.duckdb")
    with Store.open(tmp_path / "store.duckdb") as store:
        made = analyze(store, [], title=name, made_at="2026-01-01T00:00:00+00:00")
        report = Report.model_validate_json(made.model_dump_json())
        assert report.overview["attempts"].value
        assert {t["state"] for t in report.tested} <= {
            "tested",
            "described",
            "consequence",
            "not seen",
            "not applicable",
        }
        assert verify_report(report, store) == []
