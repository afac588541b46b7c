"""What is said of failures where (nearly) no success is there to compare them with."""

from typing import Any

from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.mine import mine_store

KEY = step("fetch", "{}", error="KeyError: 'api_token'", error_type="tool_error")
LOOK = step("look", '{"n": 1}', result="a")
DETECTORS = [b for b in built_in() if b.name in ("repeated_action", "same_action_three_times", "tool_error")]


def report_of(tiny: TinyStore, **more: Any) -> Report:
    return mine_store(tiny, [], title="t", made_at="now", **{"behaviours": DETECTORS, **more})


def all_failed(tiny: TinyStore, attempts: int = 12, **more: Any) -> None:
    for number in range(attempts):
        tiny.add([KEY, LOOK, LOOK, LOOK], task=f"t{number % 4}", **more)


def test_an_early_error_of_all_attempts_leads_and_is_shown(tiny: TinyStore) -> None:
    all_failed(tiny)
    found = report_of(tiny).findings[0]
    assert (found.level, found.title) == ("shown", "Gets errors about api_token: KeyError")
    assert (found.numbers["failures_here_with"].value, found.numbers["failures_here"].value) == (12, 12)


def test_it_is_said_whether_it_is_the_first_error_and_never_made_good(tiny: TinyStore) -> None:
    all_failed(tiny)
    found = report_of(tiny).findings[0]
    assert "It is the first error of 12 attempts, and in 12 no later call of the same tool succeeds." in found.claim


def test_habits_come_after_it_and_are_suspected(tiny: TinyStore) -> None:
    all_failed(tiny)
    levels = {f.behaviour: f.level for f in report_of(tiny).findings}
    assert levels["repeated_action"] == "suspected"


def test_the_same_error_is_listed_once(tiny: TinyStore) -> None:
    all_failed(tiny)
    report = report_of(tiny)
    assert [f.title for f in report.findings if f.level == "shown"] == ["Gets errors about api_token: KeyError"]
    assert [c.title for c in report.findings[0].consequences] == ["Gets the error: KeyError: <text>"]


def test_the_reason_is_that_nothing_succeeded(tiny: TinyStore) -> None:
    all_failed(tiny)
    found = report_of(tiny).findings[0]
    assert found.level_reason == "No attempt succeeded, so nothing says that attempts without it would succeed."


def test_of_one_run_among_others_it_is_said_which(tiny: TinyStore) -> None:
    all_failed(tiny, run="bad")
    for number in range(10):
        tiny.add([LOOK], outcome="success", task=f"u{number}", run="good")
    found = report_of(tiny).findings[0]
    assert (found.level, found.scope) == ("shown", "run bad")


def test_with_a_few_successes_it_is_suspected(tiny: TinyStore) -> None:
    all_failed(tiny, 20)
    tiny.add([LOOK], outcome="success", task="t1")
    found = report_of(tiny).findings[0]
    assert (found.level, found.title) == ("suspected", "Gets errors about api_token: KeyError")
    assert found.level_reason == "Only 1 of 21 attempts succeeded, and 0 of these show it."


def test_templates_chosen_by_failures_are_not_tested_against_successes(tiny: TinyStore) -> None:
    all_failed(tiny, 20)
    tiny.add([LOOK], outcome="success", task="t1")
    line = next(t for t in report_of(tiny).tested if str(t["behaviour"]).startswith("about_"))
    assert line["p_value"] is None


def test_an_all_failed_report_is_verified(tiny: TinyStore) -> None:
    all_failed(tiny)
    assert verify_report(report_of(tiny), tiny) == []


def test_attempts_without_a_step_lead_where_nothing_else_is_there(tiny: TinyStore) -> None:
    for number in range(8):
        tiny.add([], task=f"t{number}")
    report = report_of(tiny, behaviours=built_in())
    assert (report.findings[0].level, report.findings[0].title) == ("suspected", "Is scored without a single step")
    assert not [note for note in report.caveats if note.startswith("Is scored without a single step")]


def test_of_two_failures_nothing_is_shown(tiny: TinyStore) -> None:
    all_failed(tiny, 2)
    found = report_of(tiny).findings[0]
    assert (found.level, found.level_reason) == ("suspected", "There are only 2 failures.")


def test_it_is_counted_how_far_attempts_got_and_where_those_at_one_task_first_part(tiny: TinyStore) -> None:
    other = step("look", '{"n": 2}', result="b")
    tiny.add([LOOK, other, LOOK, other], task="t1")
    tiny.add([LOOK, other, other, other], task="t1")
    tiny.add([LOOK, LOOK], task="alone")
    numbers = report_of(tiny).overview
    assert numbers["median_step_of_last_new_result"].value == 1
    assert numbers["median_step_of_first_difference"].value == 2


def test_with_a_success_these_steps_are_not_counted(tiny: TinyStore) -> None:
    all_failed(tiny)
    tiny.add([LOOK], outcome="success", task="t1")
    assert not any(name.startswith("median_step_of") for name in report_of(tiny).overview)
