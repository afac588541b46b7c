"""Extra behaviours: tested together with mining's own, measured once for all reports of a store, and placed in them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.mining import mine
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.extras import ExtraBehaviour, Placement, nearly_same
from halo_opt.mining.measure import measure
from halo_opt.mining.mine import MinedStore, ReportWithExtras, measured_store


def behaviour(name: str, tool: str, **more: Any) -> Behaviour:
    sql = (
        f"SELECT trace_id, bool_or(coalesce(tool = '{tool}', false)) AS value,"
        f" min(step) FILTER (tool = '{tool}') AS step FROM steps GROUP BY trace_id"
    )
    return Behaviour(name=name, title=f"Uses {tool}", meaning="m", sql=sql, **more)


def extra(name: str, tool: str, *, written_up: bool = False) -> ExtraBehaviour:
    """As a model asks: its SQL is of another source, so that it runs guarded."""
    made = behaviour(name, tool, asked_by="a model", source="a model")
    # Other text for the same attempts, so that no answer of the detector's is used for it.
    made = made.model_copy(update={"sql": made.sql.replace("bool_or", "max")})
    return ExtraBehaviour(made, written_up=written_up)


SLIPS = behaviour("slips", "slip")
EXTRAS = [
    extra("asked_slip", "slip"),
    extra("claimed_slip", "slip", written_up=True),
    extra("claimed_look", "look", written_up=True),
    extra("claimed_nothing", "nothing", written_up=True),
]


@pytest.fixture
def filled(tiny: TinyStore) -> TinyStore:
    """Forty attempts at four tasks: "slip" comes with failing, "look" with nothing."""
    for place in range(40):
        failed = place % 2 == 0
        tools = ["slip" if failed and place % 8 else "try", "look" if place % 3 == 0 else "try", "end"]
        tiny.add(
            [step(tool, f'{{"n": {place % 5}}}') for tool in tools],
            outcome="failure" if failed else "success",
            task=f"task-{place % 4 // 2}",
        )
    return tiny


def report_with(mined: MinedStore, extras: Sequence[ExtraBehaviour] = EXTRAS) -> ReportWithExtras:
    return mined.report_with(extras, [], title="t", made_at="2026-01-01T00:00:00+00:00")


def test_a_report_with_extras_is_the_same_after_one_without_them(filled: TinyStore) -> None:
    behaviours = [*built_in(), SLIPS]
    with measured_store(filled, behaviours=behaviours, guarded=filled.rows) as mined:
        report_with(mined, ())
        after = report_with(mined)
    with measured_store(filled, behaviours=behaviours, guarded=filled.rows) as mined:
        assert report_with(mined) == after


def test_every_behaviour_of_minings_own_is_measured_once(filled: TinyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: Counter[str] = Counter()

    def counting(store: Any, one: Behaviour, *more: Any) -> Any:
        measured[one.name] += 1
        return measure(store, one, *more)

    monkeypatch.setattr(mine, "measure", counting)
    with measured_store(filled, behaviours=[*built_in(), SLIPS], guarded=filled.rows) as mined:
        report_with(mined, ())
        report = report_with(mined).report
    assert {line["behaviour"] for line in report.tested} == set(measured)
    assert set(measured.values()) == {1}


def test_steps_are_read_once_for_both_reports(filled: TinyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    rows = filled.rows

    def watched(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        read.append(sql)
        return rows(sql, params)

    monkeypatch.setattr(filled, "rows", watched)
    with measured_store(filled, guarded=rows) as mined:
        report_with(mined, ())
        before = len(read)
        report_with(mined)
    assert not [sql for sql in read[before:] if "CREATE OR REPLACE TEMP TABLE halo_steps" in sql]


def test_tables_of_steps_are_gone_while_a_mined_store_waits(filled: TinyStore) -> None:
    with measured_store(filled, guarded=filled.rows):
        tables = [str(name) for (name,) in filled.rows("SELECT table_name FROM duckdb_tables() WHERE temporary")]
        assert tables
        assert all(name.startswith(("halo_marks_", "halo_seen_")) for name in tables)


def test_memory_is_not_limited_while_a_mined_store_waits(filled: TinyStore) -> None:
    filled.rows("SET memory_limit = '4GiB'")
    with measured_store(filled, guarded=filled.rows):
        assert filled.rows("SELECT current_setting('memory_limit')") == [("4.0 GiB",)]


def test_an_extra_of_the_attempts_of_a_finding_is_placed_there(filled: TinyStore) -> None:
    with measured_store(filled, behaviours=[SLIPS], guarded=filled.rows, patterns=False) as mined:
        report, placed = report_with(mined)
    assert placed["claimed_slip"] == Placement("slips", "slips")
    assert [finding.behaviour for finding in report.findings] == ["slips", "claimed_look"]


def test_an_extra_that_must_be_written_up_is_a_finding_though_nothing_proves_it(filled: TinyStore) -> None:
    with measured_store(filled, behaviours=[SLIPS], guarded=filled.rows, patterns=False) as mined:
        report, placed = report_with(mined)
    assert placed["claimed_look"] == Placement("claimed_look")
    assert report.findings[1].id == "M1"


def test_an_extra_that_no_failure_shows_stands_nowhere(filled: TinyStore) -> None:
    with measured_store(filled, behaviours=[SLIPS], guarded=filled.rows, patterns=False) as mined:
        assert "claimed_nothing" not in report_with(mined).placed


def test_an_extra_of_the_same_attempts_is_not_another_test(filled: TinyStore) -> None:
    with measured_store(filled, behaviours=[SLIPS], guarded=filled.rows, patterns=False) as mined:
        lines = {line["behaviour"]: line for line in report_with(mined).report.tested}
    assert lines["asked_slip"]["state"] == "described"
    assert lines["asked_slip"]["reason"] == "it picks the same attempts as slips, so it is not another test"


def test_an_extra_of_nearly_the_attempts_of_a_finding_is_placed_there(tiny: TinyStore) -> None:
    for place in range(48):
        failed = place % 2 == 0
        tools = ["slip" if failed else "try", "fall" if failed and place else "try", "end"]
        outcome = "failure" if failed else "success"
        tiny.add(
            [step(tool, f'{{"n": {place % 5}}}') for tool in tools], outcome=outcome, task=f"task-{place % 4 // 2}"
        )
    asked = [extra("claimed_fall", "fall", written_up=True)]
    with measured_store(tiny, behaviours=[SLIPS], guarded=tiny.rows, patterns=False) as mined:
        report, placed = report_with(mined, asked)
    assert placed == {"claimed_fall": Placement("slips", "slips", nearly=True)}
    assert [finding.behaviour for finding in report.findings] == ["slips"]


@pytest.mark.parametrize(("shared", "same"), [(9, True), (8, False)])
def test_attempts_are_nearly_the_same_where_nine_in_ten_are_shared(shared: int, same: bool) -> None:
    one, two = frozenset(map(str, range(10))), frozenset(map(str, range(shared)))
    assert nearly_same(one, two) is same
