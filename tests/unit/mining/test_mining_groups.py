"""Behaviours by group: which groups there are, what a table says, and that it can be made again."""

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.report_records import GroupTable, Report
from halo_opt.mining.groups import kinds_of
from halo_opt.mining.mine import mine_store

LOOK = step("execute", "ls", result="a")
FINE = [LOOK, step("execute", "cat a", result="b")]


def two_models(tiny: TinyStore) -> Report:
    """One model repeats itself and fails half of the time that it does; the other never does."""
    for task in range(10):
        for number in range(4):
            tiny.add([LOOK, LOOK], outcome="failure", task=f"shop-{task}", run="r1", model="small", mode="m")
            tiny.add(FINE, outcome="success", task=f"shop-{task}", run="r1", model="small", mode="m")
            tiny.add(FINE, outcome=["failure", "success"][number % 2], task=f"shop-{task}", run="r2", model="big")
    return mine_store(tiny, [], title="t", made_at="now", patterns=False)


def table(report: Report, by: str) -> GroupTable:
    return next(t for f in report.findings if f.behaviour == "repeated_action" for t in f.groups if t.by == by)


def test_a_behaviour_of_one_model_is_said_to_be_its_own(tiny: TinyStore) -> None:
    found = table(two_models(tiny), "model")
    rows = {row.group: (row.attempts, row.shown, row.failures, row.failures_shown) for row in found.rows}
    assert rows == {"small": (80, 40, 40, 40), "big": (40, 0, 20, 0)}
    assert found.q_value is not None
    assert found.q_value < 0.001
    assert found.note == (
        "Common in small (40 of 80) and rare or absent in big (0 of 40). A fix may be needed for that model only."
    )


def test_tables_are_run_again_and_a_changed_one_is_found(tiny: TinyStore) -> None:
    report = Report.model_validate_json(two_models(tiny).model_dump_json())
    assert verify_report(report, tiny) == []
    data = report.model_dump(mode="json")
    place = next(n for n, f in enumerate(data["findings"]) if f["groups"])
    data["findings"][place]["groups"][0]["rows"][0]["shown"] += 1
    data["findings"][place]["groups"][0]["p_value"] = 0.5
    wheres = {m.where for m in verify_report(Report.model_validate(data), tiny)}
    name = f"F{place + 1}.groups[model]"
    assert {name, f"{name}.p_value", f"{name}.q_value"} <= wheres


@pytest.mark.parametrize(
    ("ids", "families"),
    [
        (["shop-1", "shop-2", "mail-1", "mail-2"], {"shop", "mail"}),
        (["v2.gomail-1", "v2.gomail-12", "v2.omnizon-3", "v2.omnizon-4"], {"v2.gomail", "v2.omnizon"}),
        (
            ["django__django-11099", "django__django-2", "psf__requests-3", "psf__requests-9"],
            {"django__django", "psf__requests"},
        ),
        (["w.click-link", "w.click-tab", "w.enter-text", "w.enter-date"], {"w.click", "w.enter"}),
    ],
)
def test_families_are_read_from_task_ids(tiny: TinyStore, ids: list[str], families: set[str]) -> None:
    for task in ids:
        tiny.add(FINE, task=task)
    label = kinds_of(tiny)["task family"]
    assert {family for (family,) in tiny.rows(f"SELECT DISTINCT {label} FROM attempts")} == families


@pytest.mark.parametrize(
    "ids", [["a-1", "a-2", "a-3"], ["alpha", "beta", "gamma"], ["goal-0a1b2c3d4e", "goal-1a1b2c3d4f"]]
)
def test_ids_without_families_make_none(tiny: TinyStore, ids: list[str]) -> None:
    for task in ids:
        tiny.add(FINE, task=task)
    assert kinds_of(tiny) == {}


def test_runs_that_are_the_models_again_make_no_second_table(tiny: TinyStore) -> None:
    for _ in range(2):
        tiny.add(FINE, run="r1", model="a")
        tiny.add(FINE, run="r2", model="b")
    assert list(kinds_of(tiny)) == ["model"]
    for _ in range(2):
        tiny.add(FINE, run="r3", model="b")
    assert list(kinds_of(tiny)) == ["model", "run"]


def test_runs_of_one_attempt_are_no_groups(tiny: TinyStore) -> None:
    for number in range(5):
        tiny.add(FINE, run=f"r{number}")
    assert "run" not in kinds_of(tiny)
