"""Reports on stores built to have one answer: what is proven, what is only described, and what is not claimed."""

import random

import pytest
from mining_fixture import TinyStore, step

from halo_opt.core.errors import InputError
from halo_opt.core.report_records import Finding, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.mine import behaviour_rates, mine_store

ALL = built_in(experimental=True)
LOOK = step("execute", "ls", result="a")
READ = step("execute", "cat a", result="b")
LOOP = [step("execute", "make", result="b"), LOOK, LOOK]
FINE = [LOOK, READ, step("execute", "wc a", result="c")]
STUCK = [step("click", "{}", page_changed=False)] * 3
CLICKS = [step("click", f'{{"ref": {n}}}', page_changed=True) for n in range(2)]


def report_of(store: TinyStore, **more: object) -> Report:
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00+00:00", **more)  # type: ignore[arg-type]


def finding(report: Report, name: str) -> Finding:
    return next(f for f in report.findings if f.behaviour == name)


def line(report: Report, name: str) -> dict[str, object]:
    return next(dict(t) for t in report.tested if t["behaviour"] == name)


def loops_fail(tiny: TinyStore, tasks: int = 15) -> None:
    """In every task two attempts repeat an action and fail, two do not and succeed."""
    for task in range(tasks):
        for outcome, steps in (("failure", LOOP), ("failure", LOOP), ("success", FINE), ("success", FINE)):
            tiny.add(steps, outcome=outcome, task=f"task-{task}")


@pytest.fixture(scope="module")
def looping() -> Report:
    """The report of `loops_fail`."""
    store = TinyStore()
    loops_fail(store)
    return report_of(store)


def test_a_behaviour_that_separates_failures_is_proven_and_explains_them(looping: Report) -> None:
    found = finding(looping, "repeated_action")
    numbers = {name: number.value for name, number in found.numbers.items()}
    assert (numbers["failures_with"], numbers["failures"]) == (30, 30)
    assert (numbers["successes_with"], numbers["successes"]) == (0, 30)
    assert numbers["difference"] == pytest.approx(1.0)
    assert numbers["explained"] == pytest.approx(30)
    assert isinstance(numbers["q_value"], float)
    assert numbers["q_value"] < 0.001
    assert found.claim.startswith("Seen in 30 of 30 failures and 0 of 30 successes. Within the same task")
    assert "100 percentage points more often" in found.claim
    assert found.category == "harness"
    assert "loop_guard" in found.remedies
    assert found.counter_examples == []
    assert [e.step for e in found.exemplars] == [2, 2, 2]
    assert len({e.task_id for e in found.exemplars}) == 3
    assert found.exemplars[0].excerpt == "step 2: execute ls | result: a"


def test_a_finding_carries_every_number_that_readers_rely_on(looping: Report) -> None:
    assert set(looping.findings[0].numbers) >= {
        "failures_with",
        "failures",
        "successes_with",
        "successes",
        "difference",
        "interval",
        "p_value",
        "q_value",
        "explained",
    }


def test_few_successes_describe_what_most_failures_show_without_claiming_a_cause(tiny: TinyStore) -> None:
    for number in range(32):
        outcome = "success" if number in {3, 17} else "failure"
        steps = STUCK if number % 3 and outcome == "failure" else CLICKS
        tiny.add(steps, outcome=outcome, task=f"task-{number % 8}")
    report = report_of(tiny)
    found = finding(report, "repeated_action")
    assert "Seen in 20 of 30 failures and 0 of 2 successes." in found.claim
    assert (
        "There are too few successes to say that it causes failures" in found.claim
        or "No test was made because" in found.claim
    )
    assert any("Only 2 of 32 attempts succeeded" in note for note in report.caveats)
    assert report.triage["explained by a suspected finding"].value == 20
    assert report.triage["unexplained failures"].value == 10


def test_all_failures_are_described_and_never_contrasted(tiny: TinyStore) -> None:
    for number in range(10):
        tiny.add(LOOP, outcome="failure", task=f"task-{number % 2}")
    report = report_of(tiny)
    found = finding(report, "repeated_action")
    assert found.claim == (
        "Seen in 10 of 10 failures and 0 of 0 successes."
        " No test was made because there are no successes to compare with."
    )
    assert [found.numbers[name].value for name in ("difference", "p_value", "q_value", "explained")] == [None] * 4
    assert (
        "All measured attempts failed: behaviours are counted, but there are no successes to compare with."
        in report.caveats
    )


def test_all_successes_have_nothing_to_explain(tiny: TinyStore) -> None:
    for _ in range(6):
        tiny.add(LOOP, outcome="success")
    report = report_of(tiny)
    assert report.findings == []
    assert "All measured attempts succeeded: there is no failure to explain." in report.caveats


def test_attempts_without_outcomes_are_counted_and_not_compared(tiny: TinyStore) -> None:
    for _ in range(6):
        tiny.add(LOOP, outcome=None)
    report = report_of(tiny)
    assert report.findings == []
    assert report.overview["outcome_unknown"].value == 6
    assert report.overview["success_rate"].value is None
    assert "No attempt has an outcome, so behaviours are only counted." in report.caveats


def test_attempts_that_all_ended_in_an_error_are_said_to_be_nothing_to_compare(tiny: TinyStore) -> None:
    tiny.add(LOOP, outcome="error")
    caveats = report_of(tiny).caveats
    assert "No attempt succeeded or failed, so there is nothing to compare." in caveats
    assert "1 attempt ended in an error. It was not measured: neither a failure nor a success." in caveats


def test_an_empty_store_gives_an_empty_report(tiny: TinyStore) -> None:
    report = report_of(tiny)
    assert report.findings == []
    assert report.caveats[0] == "There are no attempts."


def test_a_behaviour_of_hard_tasks_is_not_proven_and_says_so(tiny: TinyStore) -> None:
    """Hard tasks are looped in and mostly failed, easy ones neither; within a task looping changes nothing."""
    for task in range(20):
        hard = task < 10
        for number in range(8):
            failed = number < 6 if hard else number < 2
            loops = number % 2 == 0 if hard else number == 7
            tiny.add(LOOP if loops else FINE, outcome="failure" if failed else "success", task=f"task-{task:02}")
    report = report_of(tiny)
    q_value = line(report, "repeated_action")["q_value"]
    assert isinstance(q_value, float)
    assert q_value > 0.05
    assert all("If it is the cause" not in f.claim for f in report.findings)


def test_shuffled_outcomes_prove_nothing(tiny: TinyStore) -> None:
    generator = random.Random(5)
    for task in range(30):
        for _ in range(4):
            steps = LOOP if generator.random() < 0.4 else FINE
            tiny.add(steps, outcome=generator.choice(["success", "failure"]), task=f"task-{task}")
    assert all("If it is the cause" not in f.claim for f in report_of(tiny).findings)


def test_a_consequence_is_reported_apart_and_never_ranked(tiny: TinyStore) -> None:
    for task in range(10):
        tiny.add(FINE, outcome="failure", task=f"task-{task}", step_limit=3, end_reason="step_limit")
        tiny.add(CLICKS, outcome="success", task=f"task-{task}", step_limit=3, end_reason="task_over")
    report = report_of(tiny)
    assert "hit_step_limit" not in {f.behaviour for f in report.findings}
    assert line(report, "hit_step_limit")["state"] == "consequence"
    note = "Runs into the step limit: 10 of 10 failures and 0 of 10 successes."
    note += " This is a symptom of failing, not a cause, so it is not a finding."
    assert note in report.caveats


def test_where_success_ends_an_attempt_only_the_first_steps_are_compared(tiny: TinyStore) -> None:
    """Failures go on to the limit and repeat themselves late: their early steps are like those of successes."""
    late = [LOOK, READ, step("execute", "wc a", result="c"), *[LOOK] * 5]
    for task in range(20):
        tiny.add(late, outcome="failure", task=f"task-{task}", step_limit=8, end_reason="step_limit")
        tiny.add(FINE, outcome="success", task=f"task-{task}", step_limit=8, end_reason="task_over")
    report = report_of(tiny)
    assert line(report, "repeated_action")["failures_with"] == 20
    assert line(report, "repeated_action")["p_value"] is None
    assert any("goes on until it succeeds" in note for note in report.caveats)
    assert "only the first steps are compared" in report.method


def test_several_runs_are_told_apart(tiny: TinyStore) -> None:
    for run, outcome in (("a", "success"), ("b", "failure")):
        for task in range(4):
            tiny.add(FINE, outcome=outcome, task=f"task-{task}", run=run)
    report = report_of(tiny)
    assert report.overview["success_rate of a"].value == 1.0
    assert report.overview["success_rate of b"].value == 0.0
    assert any(note.startswith("The traces come from 2 runs") for note in report.caveats)


def test_above_twenty_runs_the_report_says_which_it_shows(tiny: TinyStore) -> None:
    for number in range(42):
        tiny.add(FINE, run=f"run-{number // 2:02}")
    report = report_of(tiny)
    assert any("The overview has the success rates of 20 of them" in note for note in report.caveats)
    assert any(note.startswith("For the rates of all 21 runs: halo-opt sql") for note in report.caveats)


def test_errors_are_triaged_by_cause_and_take_part_in_no_rate(tiny: TinyStore) -> None:
    loops_fail(tiny, tasks=2)
    tiny.add(LOOP, outcome="error", cause="browser_died")
    tiny.add(LOOP, outcome="error", cause="it's odd")
    report = report_of(tiny)
    assert report.triage["errors"].value == 2
    assert report.triage["errors: browser_died"].value == 1
    assert report.triage["errors: it's odd"].value == 1
    assert report.overview["success_rate"].value == 0.5
    assert line(report, "repeated_action")["failures"] == 4


def test_columns_that_traces_do_not_tell_make_a_behaviour_not_applicable_rather_than_zero(tiny: TinyStore) -> None:
    loops_fail(tiny, tasks=2)
    got = line(report_of(tiny), "action_no_effect")
    assert got["state"] == "not applicable"
    assert got["reason"] == "the traces record no page changes"


def test_a_broken_detector_is_named_and_skipped(tiny: TinyStore) -> None:
    loops_fail(tiny, tasks=5)
    broken = Behaviour(name="broken", title="Broken", meaning="none", sql="SELECT nonsense FROM steps")
    report = report_of(tiny, behaviours=[*ALL, broken])
    assert line(report, "broken")["state"] == "failed"
    assert any(note.startswith("Detector broken failed and was skipped") for note in report.caveats)
    assert finding(report, "repeated_action")


def test_the_count_of_tests_is_said(looping: Report) -> None:
    tested = sum(t["p_value"] is not None for t in looping.tested)
    assert f"{len(looping.tested)} behaviours were looked for and {tested} could be tested" in looping.method


def test_what_was_solved_once_bounds_what_a_harness_can_reach(tiny: TinyStore) -> None:
    tiny.add(FINE, outcome="success", task="easy")
    tiny.add(FINE, outcome="failure", task="easy")
    tiny.add(FINE, outcome="failure", task="hard")
    ceiling = report_of(tiny).ceiling
    assert (ceiling["tasks"].value, ceiling["tasks_solved_once"].value, ceiling["share_solved_once"].value) == (
        2,
        1,
        0.5,
    )


def test_an_unknown_behaviour_names_the_nearest(tiny: TinyStore) -> None:
    with pytest.raises(InputError, match=r"repeated_acton is not a behaviour; did you mean repeated_action\?"):
        behaviour_rates(tiny, ["repeated_acton"])


def test_a_part_of_another_finding_says_so(tiny: TinyStore) -> None:
    for number in range(32):
        outcome = "success" if number in {3, 17} else "failure"
        steps = STUCK if number % 3 and outcome == "failure" else CLICKS
        tiny.add(steps, outcome=outcome, task=f"task-{number % 8}")
    notes = [note for f in report_of(tiny).findings for note in f.confounders]
    assert any(note.startswith("Nearly all failures that show it also show F1") for note in notes)


def test_runs_of_one_attempt_are_compared_as_one_run(tiny: TinyStore) -> None:
    for number in range(21):
        tiny.add(FINE, run=f"run-{number:02}")
    caveats = report_of(tiny).caveats
    assert "21 runs have one attempt each. These attempts were compared with each other, as one run." in caveats


@pytest.mark.parametrize(
    ("step", "reason"),
    [("NULL::INTEGER", "of which no step is known"), ("max(step)", "no attempt shows it in these")],
)
def test_where_success_ends_an_attempt_a_missing_test_says_why(tiny: TinyStore, step: str, reason: str) -> None:
    late = [LOOK, READ, *[LOOK] * 6]
    for task in range(8):
        tiny.add(late, outcome="failure", task=f"task-{task}", step_limit=8, end_reason="step_limit")
        tiny.add(FINE, outcome="success", task=f"task-{task}", step_limit=8, end_reason="task_over")
    sql = f"SELECT trace_id, count(*) > 3 AS value, {step} AS step FROM steps GROUP BY trace_id"
    many = Behaviour(name="many", title="Makes many calls", meaning="m", sql=sql)
    found = report_of(tiny, behaviours=[many], patterns=False).findings[0]
    assert found.level_reason.startswith("No test was made because attempts end when they succeed")
    assert reason in found.level_reason
