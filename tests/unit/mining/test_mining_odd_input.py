"""Inputs that cannot be contrasted as they are: mining describes what it can, says why, and never fails."""

from mining_fixture import TinyStore, step

from halo_opt.core.report_records import Report
from halo_opt.mining.mine import mine_store

CALL = [step("look", "{}", result="a"), step("look", "{}", result="a")]


def report_of(store: TinyStore) -> Report:
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00+00:00")


def test_no_attempts_at_all_is_a_report_that_says_so(tiny: TinyStore) -> None:
    report = report_of(tiny)
    assert report.findings == []
    assert "There are no attempts." in report.caveats
    assert report.triage["failures"].value == 0
    assert report.triage["success_rate_without_harness_failures"].value is None


def test_one_task_is_contrasted_and_its_narrowness_named(tiny: TinyStore) -> None:
    for number in range(20):
        tiny.add(CALL if number % 2 else CALL[:1], outcome="failure" if number % 2 else "success")
    report = report_of(tiny)
    assert report.findings
    assert "There is only 1 task: the findings may not hold for other tasks." in report.caveats


def test_one_attempt_a_task_says_that_difficulty_cannot_be_held_fixed(tiny: TinyStore) -> None:
    for number in range(40):
        tiny.add(CALL if number % 2 else CALL[:1], outcome="failure" if number % 2 else "success", task=f"t{number}")
    report = report_of(tiny)
    assert all(
        "harder tasks may show it more often without its being the cause" in " ".join(f.confounders)
        for f in report.findings
    )
    assert any("Each run has one attempt per task" in note for note in report.caveats)


def test_scores_between_nothing_and_all_are_failures_with_their_score_kept(tiny: TinyStore) -> None:
    for number in range(12):
        tiny.add(CALL, outcome="failure", score=number / 20, task=f"t{number % 3}")
    assert report_of(tiny).overview["failures"].value == 12


def test_steps_without_tool_names_are_mined_by_their_replies(tiny: TinyStore) -> None:
    for number in range(20):
        failed = number % 2 == 1
        steps = [step(reply="no idea", error_type="format", error="no JSON")] if failed else [step(reply="fine")]
        tiny.add(steps, outcome="failure" if failed else "success", task=f"t{number % 5}")
    names = {f.behaviour for f in report_of(tiny).findings}
    assert names & {"output_format", "invalid_action"}


def test_ten_thousand_tasks_tried_once_are_mined(tiny: TinyStore) -> None:
    tiny.connection.execute(
        "INSERT INTO attempts BY NAME SELECT 'a' || i AS trace_id, 'r' AS run_id, 't' || i AS task_id, i AS seed,"
        " 0 AS attempt, CASE WHEN i % 3 = 0 THEN 'success' ELSE 'failure' END AS outcome, 2 AS steps"
        " FROM range(10000) AS r(i)"
    )
    tiny.connection.execute(
        "INSERT INTO steps BY NAME SELECT 'a' || i AS trace_id, s AS step, 'look' AS tool,"
        " CASE WHEN i % 7 = 0 THEN 'same' ELSE 'k' || s END AS arguments, 'r' || s AS result"
        " FROM range(10000) AS r(i), range(2) AS t(s)"
    )
    report = report_of(tiny)
    assert report.overview["tasks"].value == 10_000
    tested = {line["behaviour"]: line["p_value"] for line in report.tested}
    assert tested["repeated_action"] is not None
