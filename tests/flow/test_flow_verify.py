"""`verify` as a user types it: an honest report is confirmed whatever its traces hold, a changed one is not."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.analysis.claims.verify import verify_document
from halo_opt.cli.app import run
from halo_opt.core.report_records import Report
from halo_opt.mining.mine import mine_store
from halo_opt.reporting.files import json_text
from halo_opt.store import Store, build_store


def spans(place: int, **names: str) -> list[dict[str, Any]]:
    """One attempt of two steps as flat spans; every second one fails."""
    trace = f"{place:032x}"
    failed = place % 2
    resource = {
        "halo.task_id": names.get("task", "t") + str(place % 3),
        "halo.seed": place,
        "halo.attempt": 0,
        "halo.mode": names.get("mode", "m"),
        "halo.model": names.get("model", "x"),
        "halo.harness_revision": names.get("revision", "r"),
        "halo.run_id": names.get("run", "run") + str(place % 2 if "run" in names else ""),
    }

    def span(number: int, parent: str, kind: str, **attributes: Any) -> dict[str, Any]:
        return {
            "trace_id": trace,
            "span_id": f"{number:016x}",
            "parent_span_id": parent,
            "name": kind.lower(),
            "kind": "SPAN_KIND_INTERNAL",
            "start_time": f"2026-01-01T00:00:0{number}.000000+00:00",
            "end_time": f"2026-01-01T00:00:0{number + 1}.000000+00:00",
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "resource": {"attributes": resource},
            "scope": {"name": "x", "version": "1"},
            "attributes": {"openinference.span.kind": kind, **attributes},
        }

    tool = names.get("tool", "look")
    root = {"halo.outcome": "failure" if failed else "success", "halo.score": float(not failed)}
    found = [span(1, "", "AGENT", **root)]
    for number in range(2 + failed):
        step, call = 2 + 2 * number, 3 + 2 * number
        found.append(span(step, f"{1:016x}", "CHAIN", **{"halo.step.index": number}))
        arguments = {"tool.name": tool, "input.value": "{}", "output.value": names.get("tool", "words")}
        found.append(span(call, f"{step:016x}", "TOOL", **arguments))
    return found


def write(folder: Path, count: int = 12, *, file: str = "s", **names: str) -> Path:
    """A file of attempts, whose ids no other file there has."""
    folder.mkdir(exist_ok=True)
    first = 1_000 * len(list(folder.iterdir()))
    lines = [json.dumps(span) for place in range(first, first + count) for span in spans(place, **names)]
    (folder / f"{file}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


ODD = {
    "long": "x" * 30_000,
    "NUL": "a\0b",
    "quotes": "it's \"quoted\" -- /* and */ $$ ; '); DROP TABLE attempts",
    "unicode": "\u202eabc\u2028\u00e9\U0001f600\ufeff",
    "percent": "%s {0} ${x} \\n \\' \\",
    "lines": "a\r\nb\tc",
    "empty-like": " ",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Every name stands in every place in one of the tests, beside other names.
@pytest.mark.parametrize("names", [("long", "lines", "empty-like"), ("NUL", "quotes"), ("unicode", "percent")])
def test_the_report_of_traces_with_odd_names_is_confirmed(names, tmp_path, capsys):
    for name in names:
        odd = ODD[name]
        write(tmp_path / "tr", file=name, task=odd, mode=odd, model=odd, run=odd, tool=odd[:500])
    assert run(["analyze", "tr", "--out", "rep", "-q"]) == 0
    assert run(["verify", "rep"]) == 0, capsys.readouterr()
    assert "the traces confirm all" in capsys.readouterr().err


@examples(everyday=5, fresh=200)
@given(names=st.fixed_dictionaries({}, optional=dict.fromkeys(("task", "mode", "model", "run", "tool"), st.text())))
def test_a_report_is_confirmed_whatever_names_its_traces_hold(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("odd")
    build_store([write(folder / "tr", count=10, **names)], folder / "s.duckdb")
    with Store.open(folder / "s.duckdb") as store:
        made = mine_store(store, [], title="t", made_at="now")
        assert verify_document(Report.model_validate_json(json_text(made)), store, query=store.rows) == []


def test_a_report_of_traces_with_scores_of_their_own_is_confirmed(tmp_path, capsys):
    write(tmp_path / "tr", count=12)
    lines = [{"trace_id": f"{place:032x}", "outcome": "failure" if place < 6 else "success"} for place in range(12)]
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert run(["analyze", "tr", "--scores", "scores.jsonl", "--out", "rep", "-q"]) == 0
    assert run(["verify", "rep", "-q"]) == 0, capsys.readouterr()


def change(report: dict[str, Any], name: str) -> None:
    {
        "category": lambda: report["findings"][0].update(category="grader"),
        "claim": lambda: report["findings"][0].update(claim="It never happens."),
        "constant": lambda: report["findings"][0]["numbers"]["failures"].update(
            sql=f"SELECT {report['findings'][0]['numbers']['failures']['value']}"
        ),
        "triage": lambda: report["triage"].update(failures={"value": 7, "sql": "SELECT 7"}),
        "overview": lambda: report["overview"].update(invented={"value": 1, "sql": "SELECT 1 FROM attempts LIMIT 1"}),
        "method": lambda: report.update(method="We asked around."),
        "caveats": lambda: report.update(caveats=[]),
        "format": lambda: report["inputs"][0].update(format="chat"),
    }[name]()


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analyzed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(folder / "tr", count=24)
        assert run(["analyze", "tr", "--out", "rep", "-q"]) == 0
    return folder


def tampered(folder: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[dict[str, Any]], None]) -> None:
    monkeypatch.chdir(folder)
    report = json.loads((folder / "rep" / "report.json").read_text(encoding="utf-8"))
    how(report)
    (folder / "changed.json").write_text(json.dumps(report), encoding="utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {
            "category": "F1.category",
            "claim": "F1.claim",
            "constant": "F1.failures.sql",
            "triage": "triage.failures",
            "overview": "overview.invented",
            "method": "method",
            "caveats": "caveats[0]",
        },
        {"format": "inputs[0].format"},
    ],
    ids=["parts", "format"],
)
def test_a_changed_report_ends_with_exit_code_1_and_each_changed_part(analyzed, monkeypatch, capsys, changes):
    def all_of_them(report: dict[str, Any]) -> None:
        for name in changes:
            change(report, name)

    tampered(analyzed, monkeypatch, all_of_them)
    assert run(["verify", "changed.json", "-q", "--json"]) == 1
    assert set(changes.values()) <= {row["where"] for row in json.loads(capsys.readouterr().out)}


def test_what_nothing_can_confirm_is_listed(analyzed, monkeypatch, capsys):
    monkeypatch.chdir(analyzed)
    assert run(["verify", "rep"]) == 0
    assert "not checked: the report's title and the time at which it was made" in capsys.readouterr().err


def test_a_report_of_an_older_version_is_told_in_a_sentence(analyzed, monkeypatch, capsys):
    tampered(analyzed, monkeypatch, lambda report: report.pop("made_with"))
    assert run(["verify", "changed.json"]) == 2
    assert "made by an older halo-opt, which did not record how; make it again" in capsys.readouterr().err


def test_all_sql_of_a_report_together_has_a_time_limit(analyzed, monkeypatch, capsys):
    slow = (
        "SELECT trace_id, (SELECT count(*) FROM range(10000000) a, range(10000000) b) > 0 AS value,"
        " NULL::INTEGER AS step FROM attempts"
    )

    def bombs(report: dict[str, Any]) -> None:
        report["made_with"]["detectors"] = [
            {"name": f"d{place}", "title": "t", "meaning": "m", "source": "x", "sql": f"{slow} WHERE seed <> {place}"}
            for place in range(20)
        ]

    tampered(analyzed, monkeypatch, bombs)
    assert run(["verify", "changed.json", "--limit", "2"]) == 1
    assert "of the report could not be run within 2 s" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "a" * 5000, "a\0b", "ff"])
def test_inputs_that_cannot_be_read_end_in_one_sentence(analyzed, monkeypatch, capsys, path):
    tampered(analyzed, monkeypatch, lambda report: report["inputs"][0].update(path=path))
    pipe = analyzed / "ff"
    if path == "ff" and not pipe.exists():
        os.mkfifo(pipe)
    assert run(["verify", "changed.json", "-q"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "which the report was made from" in line
