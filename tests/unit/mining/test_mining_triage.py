"""Every failed attempt gets the first rule that holds, and what nothing decides stays unexplained."""

from collections import Counter
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.core.report_records import Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.explanations import COLUMNS, over_triage
from halo_opt.mining.mine import mine_store

BAD = Behaviour(
    name="slips", title="Slips", meaning="-", condition=Condition(where="tool = 'slip'"), category="harness"
)
DEAD = Behaviour(
    name="died", title="Dies", meaning="-", condition=Condition(where="tool = 'dead'"), category="infrastructure"
)


def did(*tools: str) -> list[dict[str, Any]]:
    return [step(tool, "{}", result="ok") for tool in tools]


def slips_fail(store: TinyStore) -> None:
    """A proven finding: slipping fails, the same tasks without it succeed."""
    for task in range(10):
        for number in range(4):
            tools = ("open", "slip") if number < 2 else ("open", f"go{number}")
            store.add(did(*tools), outcome="failure" if number < 2 else "success", task=f"slippery-{task}", model="m")


def triaged(store: TinyStore) -> tuple[Report, dict[str, dict[str, Any]]]:
    report = mine_store(
        store, [], title="t", made_at="2026-01-01T00:00:00+00:00", behaviours=[BAD, DEAD], patterns=False
    )
    assert report.triage_sql is not None
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in store.rows(report.triage_sql)]
    return report, {row["trace_id"]: row for row in rows}


def ruling(found: dict[str, dict[str, Any]], trace: str) -> tuple[str, str]:
    return found[trace]["class"], found[trace]["rule"]


def test_a_failure_with_a_proven_finding_is_the_harness_s_where_the_task_can_be_solved(tiny: TinyStore) -> None:
    slips_fail(tiny)
    never = tiny.add(did("slip"), task="unsolved", model="m")
    report, found = triaged(tiny)
    assert Counter(row["class_by_rules"] for row in found.values()) == {"harness": 20, "unexplained": 1}
    assert ruling(found, "trace-0000") == ("harness", "shows a proven finding")
    first = found["trace-0000"]
    assert (first["finding"], first["level"], first["attempts"], first["solved"]) == ("F1", "proven", 4, 2)
    assert ruling(found, never) == ("harness", "shows a proven or shown finding")
    assert report.triage["harness failures"].value == 21
    assert report.triage["rule: shows a proven finding"].value == 20


def test_what_the_harness_alone_could_reach_is_what_attempts_without_the_behaviour_reach(tiny: TinyStore) -> None:
    slips_fail(tiny)
    for task in range(10):
        tiny.add(did("open", "no"), task=f"slippery-{task}", model="m")
    report, _ = triaged(tiny)
    # Of the 20 slips two in three would succeed, as the others at these tasks do.
    assert report.triage["success_rate_without_harness_failures"].value == pytest.approx((20 + 20 * 2 / 3) / 50)


def test_errors_and_dead_browsers_are_infrastructure(tiny: TinyStore) -> None:
    gone = tiny.add(did("open"), outcome="error", cause="browser_died", task="a")
    dead = tiny.add(did("open", "dead"), task="a")
    report, found = triaged(tiny)
    assert ruling(found, gone) == ("infrastructure", "ended in an error")
    assert ruling(found, dead) == ("infrastructure", "shows an infrastructure failure")
    assert (report.triage["failures"].value, report.triage["errors"].value) == (1, 1)
    assert report.triage["errors: browser_died"].value == 1


def test_the_same_actions_with_another_verdict_make_the_grader_suspect(tiny: TinyStore) -> None:
    twin = tiny.add(did("open", "send"), task="a", seed=1)
    tiny.add(did("open", "send"), outcome="success", task="a", seed=1)
    other_seed = tiny.add(did("open", "send"), task="a", seed=2)
    _, found = triaged(tiny)
    assert ruling(found, twin) == ("grader", "same actions, other verdict")
    assert found[other_seed]["class"] == "unexplained"


def test_a_task_that_doing_nothing_passes_makes_the_grader_suspect(tiny: TinyStore) -> None:
    tiny.add(did("done"), outcome="success", task="a")
    tried = tiny.add(did("open", "send"), task="a")
    idle = tiny.add(did("done"), task="b")
    _, found = triaged(tiny)
    assert ruling(found, tried) == ("grader", "doing nothing passes")
    assert found[idle]["class"] == "unexplained"


def judge(store: TinyStore, trace: str, **checks: float) -> None:
    for name, value in checks.items():
        store.connection.execute("INSERT INTO scores VALUES (?, ?, ?, NULL, 'grader')", [trace, name, value])


def test_one_check_that_fails_whatever_is_done_makes_the_grader_suspect(tiny: TinyStore) -> None:
    for number in range(5):
        judge(tiny, tiny.add(did("open", f"way{number}"), task="a"), saved=1.0, total=0.0)
        judge(tiny, tiny.add(did("open", "same"), task="one way only"), saved=1.0, total=0.0)
        judge(tiny, tiny.add(did("open", f"way{number}"), task="nothing right"), saved=0.0, total=0.0)
    _, found = triaged(tiny)
    assert {row["task_id"] for row in found.values() if row["rule"] == "one check always fails"} == {"a"}


def test_never_solved_is_the_model_s_only_where_other_harnesses_or_models_tell(tiny: TinyStore) -> None:
    def tries(task: str, model: str, revision: str, outcome: str, count: int) -> None:
        for number in range(count):
            tiny.add(
                did("open", f"{model}{number}"), task=task, model=model, harness_revision=revision, outcome=outcome
            )

    tries("two harnesses", "m", "r1", "failure", 3)
    tries("two harnesses", "m", "r2", "failure", 3)
    tries("one harness", "m", "r1", "failure", 6)
    tries("too few", "m", "r1", "failure", 2)
    tries("too few", "m", "r2", "failure", 2)
    tries("other model", "m", "r1", "failure", 5)
    tries("other model", "n", "r1", "success", 1)
    tries("other model elsewhere", "m", "r1", "failure", 5)
    tries("other model elsewhere", "n", "r2", "success", 1)
    _, found = triaged(tiny)
    rules = {row["task_id"]: row["rule"] for row in found.values()}
    assert rules == {
        "two harnesses": "never solved with any harness",
        "one harness": "never solved, one harness tried",
        "too few": "nothing decides",
        "other model": "never solved, another model does",
        "other model elsewhere": "never solved, one harness tried",
    }


def test_the_method_names_every_rule(tiny: TinyStore) -> None:
    report, _ = triaged(tiny)
    assert "one check always fails (all attempts at the task fail the same check" in report.method


def test_pass_at_k_is_given_for_each_model(tiny: TinyStore) -> None:
    for task in range(4):
        for number in range(3):
            tiny.add(outcome="success" if number == 0 and task < 2 else "failure", task=f"t{task}", model="m")
    ceiling = triaged(tiny)[0].ceiling
    assert ceiling["pass@1 of m"].value == pytest.approx(1 / 6)
    assert ceiling["pass@3 of m"].value == 0.5


def test_a_failure_that_only_a_suspected_finding_explains_says_so(tiny: TinyStore) -> None:
    slips_fail(tiny)
    for number in range(8):
        tiny.add(did("wander"), task=f"slippery-{number}", model="m")
    wanders = Behaviour(name="wanders", title="Wanders", meaning="-", condition=Condition(where="tool = 'wander'"))
    report = mine_store(tiny, [], title="t", made_at="now", behaviours=[BAD, wanders], patterns=False)
    assert report.triage_sql is not None
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in tiny.rows(report.triage_sql)]
    levels = Counter((row["finding"], row["level"], row["class"]) for row in rows)
    assert levels[("F1", "proven", "harness")] == 20
    [rest] = [count for (finding, _, _), count in levels.items() if finding != "F1"]
    assert rest == 8


def test_a_finding_says_how_many_failures_it_explains(tiny: TinyStore) -> None:
    slips_fail(tiny)
    report, _ = triaged(tiny)
    [first] = [finding for finding in report.findings if finding.behaviour == "slips"]
    assert first.explains is not None
    assert first.explains.value == 20
    assert tiny.rows(over_triage(report, first.explains.sql)) == [(20,)]


def test_the_answer_names_what_explains_most_failures_first(tiny: TinyStore) -> None:
    slips_fail(tiny)
    tiny.add(did("open"), task="other", model="m")
    report, _ = triaged(tiny)
    assert report.answer == [
        "21 of 41 attempts failed (51%).",
        "Proven: Slips (F1); it is the best explanation of 20 failures.",
        "Of the other 1 failure, nothing that was found explains 1.",
    ]


def test_the_answer_says_that_nothing_failed(tiny: TinyStore) -> None:
    tiny.add(did("open"), outcome="success", task="a")
    assert triaged(tiny)[0].answer == ["The attempt succeeded."]
