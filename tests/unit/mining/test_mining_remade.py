"""A report made again from its traces: whatever is changed in it is found, and named by its place."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.remake import differences, not_checked, remade
from halo_opt.analysis.claims.verify import document_queries, verify_document
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import Detectors, load_detectors
from halo_opt.mining.mine import mine_store
from halo_opt.reporting.files import json_text

# What does not follow from the traces, or is checked by rules of its own.
LEFT_OUT = ("schema_version", "made_at", "title", "inputs", "spend", "unsupported", "model_analysis", "made_with")
LOOK = step("execute", "ls 'it''s'", result="a")
READ = step("execute", "cat a", result="b")
FAILS = step("execute", "cat c", result="", error="no such file", error_type="execution")


@pytest.fixture(scope="module")
def store() -> Iterator[TinyStore]:
    """Two models in two runs; failures repeat a call, and some run into an error."""
    tiny = TinyStore()
    for task in range(12):
        name = f"site.task-{task}'s"
        for run, model in (("one", "big"), ("two", "small")):
            more = {"task": name, "run": run, "model": model}
            tiny.add([READ, LOOK, LOOK], outcome="failure", **more)
            tiny.add([READ, LOOK, LOOK, FAILS], outcome="failure", **more)
            tiny.add([LOOK, READ], outcome="success", **more)
            tiny.add([LOOK, LOOK], outcome="success" if task == 3 else "failure", **more)
    yield tiny
    tiny.close()


def read_back(report: Report) -> Report:
    return Report.model_validate_json(json_text(report))


@pytest.fixture(scope="module")
def report(store: TinyStore) -> Report:
    return read_back(mine_store(store, [], title="t", made_at="now"))


@pytest.fixture(scope="module")
def again(store: TinyStore, report: Report) -> Report:
    return remade(report, store, store.rows).report


def leaves(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a JSON document, outermost parts that are left out aside."""
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    inner = [(key, value) for key, value in items if path or key not in LEFT_OUT]
    for key, value in inner:
        yield from leaves(value, (*path, key))
    if not isinstance(part, dict | list):
        yield path


def parts(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all entries of dictionaries and lists that can be taken out."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if path or key not in LEFT_OUT:
            yield from parts(value, (*path, key))
            if isinstance(part, list) or path[-1:] in [("overview",), ("triage",), ("ceiling",), ("numbers",)]:
                yield (*path, key)


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"harness": "model", "none": "run", "model": "run"}.get(value, f"{value} x")
    return 0.5 if value is None else value * 1.01 + 1


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def test_a_report_is_made_again_as_it_was(report: Report, again: Report) -> None:
    assert report.findings
    assert differences(report, again) == []


def test_whatever_value_of_a_report_is_changed_is_found(report: Report, again: Report) -> None:
    whole = json.loads(json_text(report))
    places = list(leaves(whole))
    assert len(places) > 1000
    unseen = []
    for path in places:
        value = at(whole, path)[path[-1]]
        at(whole, path)[path[-1]] = other(value)
        # A value that a record refuses is found when the report is read.
        with suppress(ValueError):
            unseen += [] if differences(Report.model_validate(whole), again) else [path]
        at(whole, path)[path[-1]] = value
    assert unseen == []


def test_whatever_part_of_a_report_is_taken_out_is_found(report: Report, again: Report) -> None:
    whole = json.loads(json_text(report))
    unseen = []
    for path in parts(whole):
        changed = copy.deepcopy(whole)
        del at(changed, path)[path[-1]]
        try:
            found = differences(Report.model_validate(changed), again)
        except ValueError:
            continue
        unseen += [] if found else [path]
    assert unseen == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("findings", 0, "category"), "model", "F1.category"),
        (("findings", 0, "claim"), "It never happens.", "F1.claim"),
        (("findings", 0, "title"), "x", "F1.title"),
        (("findings", 0, "numbers", "failures", "sql"), "SELECT 42", "F1.failures.sql"),
        (("findings", 0, "numbers", "failures", "value"), 1234, "F1.failures"),
        (("findings", 0, "exemplars", 0, "excerpt"), "x", "F1.exemplars[0].excerpt"),
        (("overview", "attempts"), {"value": 42, "sql": "SELECT 42"}, "overview.attempts"),
        (("overview", "made up"), {"value": 42, "sql": "SELECT 42"}, "overview.made up"),
        (("triage", "failures", "sql"), "SELECT 42 /* count(*) FROM attempts */", "triage.failures.sql"),
        (("method",), "We looked hard.", "method"),
        (("caveats", 0), "All is well.", "caveats[0]"),
        (("triage_sql",), "SELECT 1", "triage_sql"),
        (("tested", 0, "title"), "x", "title"),
    ],
)
def test_a_change_is_named_by_its_place(report: Report, again: Report, path: Any, value: Any, where: str) -> None:
    changed = json.loads(json_text(report))
    at(changed, path)[path[-1]] = value
    found = [mismatch.where for mismatch in differences(Report.model_validate(changed), again)]
    assert [name for name in found if where in name] != [], found


def test_a_second_finding_of_the_same_name_hides_nothing(report: Report, again: Report) -> None:
    changed = report.findings[0].model_copy(update={"claim": "It never happens."})
    found = differences(report.model_copy(update={"findings": [changed, *report.findings]}), again)
    assert "F1.claim" in {mismatch.where for mismatch in found}


def test_findings_in_another_order_are_found(report: Report, again: Report) -> None:
    [found] = differences(report.model_copy(update={"findings": report.findings[::-1]}), again)
    assert (found.where, found.reason) == ("findings", "they stand in another order")


OWN = "SELECT trace_id, steps >= 3 AS value, NULL::INTEGER AS step FROM attempts WHERE outcome IS DISTINCT FROM 'error'"


def own_detectors(tmp_path: Path) -> Detectors:
    entries = [
        {
            "name": "own_long",
            "title": "Long",
            "meaning": "m",
            "sql": OWN,
        },
        {"name": "own_where", "title": "Where", "meaning": "m", "where": "step > 3", "needs": ["steps.tool"]},
        {"name": "own_bad", "title": "Bad", "meaning": "m", "where": "score < 1"},
    ]
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps({"detectors": entries}), encoding="utf-8")
    return load_detectors([path], experimental=True)


def test_a_report_with_detectors_of_the_user_is_made_again_without_their_file(store: TinyStore, tmp_path: Path) -> None:
    detectors = own_detectors(tmp_path)
    report = read_back(mine_store(store, [], title="t", made_at="now", detectors=detectors, guarded=store.rows))
    (tmp_path / "own.yaml").unlink()
    assert verify_document(report, store, query=store.rows) == []
    assert any("the names, titles, meanings and remedies of 2 detectors" in words for words in not_checked(report))


def test_the_sql_of_a_detector_in_a_report_runs_guarded_alone(store: TinyStore, tmp_path: Path) -> None:
    detectors = own_detectors(tmp_path)
    report = read_back(mine_store(store, [], title="t", made_at="now", detectors=detectors, guarded=store.rows))
    asked: list[str] = []

    def query(sql: str) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return store.rows(sql)

    found = report.model_copy(update={"made_with": report.made_with.model_copy(update={"detectors": [
        {**one, "source": None, "asked_by": "me"} for one in report.made_with.detectors
    ]})})  # fmt: skip
    verify_document(found, store, query=query)
    assert any("steps >= 3" in sql for sql in asked)


@pytest.mark.parametrize(
    ("detector", "reason"),
    [
        ({"name": "x"}, "is no detector"),
        ({"name": "x", "title": "t", "meaning": "m", "sql": "SELECT score FROM attempts"}, "it looks at score"),
        ({"name": "repeated_action", "title": "t", "meaning": "m", "sql": "SELECT 1"}, "its name is taken"),
    ],
)
def test_what_is_no_detector_makes_the_report_impossible_to_make_again(
    store: TinyStore, report: Report, detector: dict[str, Any], reason: str
) -> None:
    made_with = report.made_with.model_copy(update={"detectors": [detector]})
    first, *_ = verify_document(report.model_copy(update={"made_with": made_with}), store, query=store.rows)
    assert (first.where, reason in first.reason) == ("made_with", True), first.reason


def test_a_report_of_mining_brings_no_sql_that_has_to_run_guarded(report: Report) -> None:
    assert document_queries(report) == []
