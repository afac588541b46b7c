"""From trace files on disk through the real store to a verified report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.cli.app import run
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.mine import mine_store
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
    few = {"changed_without_consent", "tool_error"}
    behaviours = [behaviour for behaviour in built_in(experimental=True) if behaviour.name in few]
    made = mine_store(store, [], title="airline", made_at="2026-01-01T00:00:00+00:00", behaviours=behaviours)
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


def test_own_detectors_run_guarded_are_verified_without_their_file_and_cannot_reach_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "detectors:\n"
        "  - {name: talked, title: Talks, meaning: m, where: responding AND step > 1}\n"
        "  - {name: reads_files, title: t, meaning: m, sql: 'SELECT content AS trace_id, true AS value, 0 AS step"
        " FROM read_text($$/etc/hostname$$)'}\n"
        "  - {name: judges, title: t, meaning: m, where: score < 1}\n",
        encoding="utf-8",
    )
    folder = tmp_path / "out"
    words = ["analyze", str(DATA / "tau-bench" / "gpt-4o-airline.jsonl"), "--store", str(tmp_path / "s.duckdb")]
    assert run([*words, "--out", str(folder), "--detectors", str(own)]) == 0
    said = capsys.readouterr().err
    assert "detector judges was skipped: it looks at score" in said
    assert "Detector reads_files failed and was skipped" in said
    assert "table function read_text is not allowed" in said
    own.unlink()
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    line = next(t for t in report.tested if t["behaviour"] == "talked")
    assert line["state"] in {"tested", "described"}
    assert line["failures_with"]
    assert run(["verify", str(folder), "--store", str(tmp_path / "s.duckdb"), "-q"]) == 0


@pytest.mark.parametrize("name", ["tau-bench", "intercode"])
def test_real_excerpts_give_reports_that_verify(name: str, tmp_path: Path) -> None:
    build_store([DATA / name], tmp_path / "store.duckdb")
    with Store.open(tmp_path / "store.duckdb") as store:
        made = mine_store(store, [], title=name, made_at="2026-01-01T00:00:00+00:00")
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


def _attempt(number: int) -> dict[str, Any]:
    """An attempt that repeats one call if it fails, and hardly ever if it succeeds."""
    failed = number % 2 == 0
    messages = [message("user", f"Task number {number}: find item {number}.")]
    for step in range(3):
        words = "same" if failed or number == 1 else f"q{step}"
        messages += [message("assistant", call=("search", {"q": words})), message("tool", f"result of {words}")]
    return {"task_id": f"t{number}", "messages": [*messages, message("assistant", "done")], "reward": int(not failed)}


def test_one_file_for_each_attempt_gives_the_finding_of_one_file_for_all(tmp_path):
    attempts = [_attempt(number) for number in range(40)]
    (tmp_path / "files").mkdir()
    for number, attempt in enumerate(attempts):
        (tmp_path / "files" / f"{number}.json").write_text(json.dumps(attempt), encoding="utf-8")
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(attempt) + "\n" for attempt in attempts), encoding="utf-8")
    found = []
    for name in ("files", "all.jsonl"):
        build_store([tmp_path / name], tmp_path / f"{name}.duckdb")
        with Store.open(tmp_path / f"{name}.duckdb") as store:
            report = mine_store(store, [], title="t", made_at="2026-01-01T00:00:00Z")
        found.append([(one.behaviour, one.numbers["q_value"].value) for one in report.findings])
    assert found[0] == found[1]
    assert found[0][0][1] < 1e-6
