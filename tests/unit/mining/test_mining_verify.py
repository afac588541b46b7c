"""Reports verify against their own store, and every kind of tampering is found and placed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import same, verify_report
from halo_opt.core.errors import InputError
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import families
from halo_opt.mining.mine import mine_store

LOOK = step("execute", "ls 'it''s'", result="a")
READ = step("execute", "cat a", result="b")


def fill(store: TinyStore) -> None:
    for task in range(12):
        store.add([READ, LOOK, LOOK], outcome="failure", task=f"task-{task}'s")
        store.add([READ, LOOK, LOOK], outcome="failure", task=f"task-{task}'s")
        store.add([LOOK, READ], outcome="success", task=f"task-{task}'s")
        store.add([LOOK, LOOK], outcome="success" if task == 3 else "failure", task=f"task-{task}'s")


@pytest.fixture(scope="module")
def store() -> Iterator[TinyStore]:
    made = TinyStore()
    fill(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def report(store: TinyStore) -> Report:
    # A few detectors are enough here, and quick.
    repeats = families()[0].behaviours
    made = mine_store(store, [], title="t", made_at="2026-01-01T00:00:00+00:00", behaviours=repeats)
    return Report.model_validate_json(made.model_dump_json())


def changed(report: Report, change: Callable[[dict[str, Any]], None]) -> Report:
    data = report.model_dump(mode="json")
    change(data)
    return Report.model_validate(data)


def test_a_report_verifies_after_a_round_trip_through_json(report: Report, store: TinyStore) -> None:
    assert report.findings
    assert report.findings[0].counter_examples
    assert verify_report(report, store) == []


def test_twelve_digits_are_enough(report: Report, store: TinyStore) -> None:
    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.12g}")
        if isinstance(value, dict):
            return {key: rounded(inner) for key, inner in value.items()}
        return [rounded(inner) for inner in value] if isinstance(value, list) else value

    assert verify_report(Report.model_validate(rounded(report.model_dump(mode="json"))), store) == []


def test_every_query_goes_through_the_given_route(report: Report, store: TinyStore) -> None:
    asked: list[str] = []

    def query(sql: str) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return store.rows(sql)

    assert verify_report(report, store, query=query) == []
    assert {number.sql for f in report.findings for number in f.numbers.values()} <= set(asked)
    assert len(asked) == len(set(asked))


TAMPERING: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("F1.failures_with", lambda d: d["findings"][0]["numbers"]["failures_with"].update(value=1), "another value"),
    ("F1.difference", lambda d: d["findings"][0]["numbers"]["difference"].update(value=0.9), "another value"),
    ("F1.interval", lambda d: d["findings"][0]["numbers"]["interval"].update(value=[0.0]), "another value"),
    ("F1.q_value", lambda d: d["findings"][0]["numbers"]["q_value"].update(value=1e-9), "another value"),
    (
        "F1.q_value",
        lambda d: d["findings"][0]["numbers"]["q_value"].update(value=1e-9, sql="SELECT true AS this, 1e-9 AS p"),
        "not the q-value of the table of tests",
    ),
    ("F1.p_value", lambda d: d["findings"][0]["numbers"]["p_value"].update(statistic="magic"), "not a statistic"),
    ("F1.failures", lambda d: d["findings"][0]["numbers"]["failures"].update(sql="SELECT 1, 2"), "expected one cell"),
    ("overview.tasks", lambda d: d["overview"]["tasks"].update(sql="SELECT broken"), "cannot be run again"),
    ("F1.exemplars[0]", lambda d: d["findings"][0]["exemplars"][0].update(excerpt="it said so"), "not what the trace"),
    ("F1.exemplars[0]", lambda d: d["findings"][0]["exemplars"][0].update(trace_id="none"), "no attempt none"),
    ("F1.exemplars[0]", lambda d: d["findings"][0]["exemplars"][0].update(step=0), "does not show the behaviour"),
    ("F1.predicate_sql", lambda d: d["findings"][0].update(predicate_sql="SELECT"), "cannot be run again"),
]


@pytest.mark.parametrize(("where", "change", "reason"), TAMPERING, ids=[f"{w}: {r}" for w, _, r in TAMPERING])
def test_tampering_is_found_and_placed(
    report: Report, store: TinyStore, where: str, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    found = verify_report(changed(report, change), store)
    assert any(m.where == where and reason in m.reason for m in found), found


def test_a_changed_p_value_in_the_table_of_tests_is_found(report: Report, store: TinyStore) -> None:
    name = report.findings[0].behaviour

    def change(data: dict[str, Any]) -> None:
        next(t for t in data["tested"] if t["behaviour"] == name)["p_value"] = 1e-8

    assert f"tested.{name}.p_value" in {m.where for m in verify_report(changed(report, change), store)}


def test_a_store_that_has_changed_since_no_longer_confirms(report: Report, tiny: TinyStore) -> None:
    fill(tiny)
    tiny.add([LOOK, LOOK], outcome="failure", task="new")
    wheres = {m.where for m in verify_report(report, tiny)}
    assert {"overview.attempts", "overview.failures", "F1.failures"} <= wheres


def test_a_route_that_refuses_is_a_mismatch_and_not_a_crash(report: Report, store: TinyStore) -> None:
    def refuse(sql: str) -> list[tuple[Any, ...]]:
        raise InputError("not allowed")

    found = verify_report(report, store, query=refuse)
    assert {m.reason for m in found if m.where == "overview.tasks"} == {"cannot be run again: not allowed"}


def test_equality_is_relative_and_types_count() -> None:
    assert same(0.1 + 0.2, 0.3)
    assert same(1, 1.0)
    assert same(None, None)
    assert not same(None, 0)
    assert not same(True, 1)
    assert not same([1.0, 2.0], [1.0])
