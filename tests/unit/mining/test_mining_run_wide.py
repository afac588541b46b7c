"""Groups of attempts compared on the tasks that both tried, and what marks the one that does worse."""

from collections.abc import Sequence
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.report_records import Finding, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.comparisons import compare_groups
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.extras import ExtraBehaviour
from halo_opt.mining.mine import measured_store, mine_store

FENCE = [step("execute", "```BASH\nls\n```", error="/bin/bash: line 1: BASH: command not found", error_type="shell")]
PLAIN = [step("execute", "ls", result="a")]
LOST = [step("execute", "ls /data", error="ls: cannot access '/data': No such file", error_type="shell")]
DETECTORS = [b for b in built_in() if b.name in ("fenced_command", "tool_error", "unavailable_tool")]


def run(tiny: TinyStore, name: str, steps: Sequence[dict[str, Any]], solved: int, tasks: int = 12, **more: Any) -> None:
    """One attempt at each task, the first `solved` of them successful."""
    for task in range(tasks):
        tiny.add(steps, outcome="success" if task < solved else "failure", task=f"t{task}", run=name, **more)


def report_of(tiny: TinyStore, **more: Any) -> Report:
    return mine_store(tiny, [], title="t", made_at="now", **{"behaviours": DETECTORS, "patterns": False, **more})


def titles(report: Report) -> list[tuple[str, str, str]]:
    return [(f.level, f.scope, f.title) for f in report.findings]


def first(report: Report) -> Finding:
    return report.findings[0]


def numbers(finding: Finding, *names: str) -> list[object]:
    return [finding.numbers[name].value for name in names]


def test_a_run_that_loses_tasks_is_compared_by_the_sign_test(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", PLAIN, 1)
    [pair] = compare_groups(tiny).pairs
    assert (pair.by, pair.worse, pair.better) == ("run", "bad", "good")
    assert (pair.tasks.value, pair.lost.value, pair.won.value) == (12, 8, 0)
    assert pair.p_value.value == pytest.approx(2 / 2**8)
    assert pair.q_value == pair.p_value.value


def test_several_attempts_at_a_task_count_as_one_rate(tiny: TinyStore) -> None:
    for name, steps in (("good", 3), ("bad", 1)):
        for task in range(8):
            for number in range(4):
                tiny.add(PLAIN, outcome="success" if number < steps else "failure", task=f"t{task}", run=name)
    [pair] = compare_groups(tiny).pairs
    assert (pair.tasks.value, pair.lost.value) == (8, 8)


def test_only_tasks_that_both_tried_count(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", PLAIN, 0, tasks=7)
    assert [pair.tasks.value for pair in compare_groups(tiny).pairs] == [7]


def test_groups_with_few_tasks_in_common_are_not_compared(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 5, tasks=5)
    run(tiny, "bad", PLAIN, 0, tasks=5)
    assert compare_groups(tiny).pairs == ()


def test_a_run_that_is_a_mode_is_compared_once(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9, mode="chat", model="m")
    run(tiny, "bad", PLAIN, 1, mode="plan", model="m")
    assert [pair.by for pair in compare_groups(tiny).pairs] == ["run"]


def test_modes_of_runs_of_one_attempt_are_compared(tiny: TinyStore) -> None:
    for number in range(24):
        outcome = "success" if number < 10 else "failure"
        tiny.add(PLAIN, outcome=outcome, task=f"t{number % 12}", run=f"r{number}", mode="ab"[number // 12])
    assert [(pair.by, pair.worse) for pair in compare_groups(tiny).pairs] == [("mode", "b")]


def test_what_marks_a_run_leads_the_report(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    report = report_of(tiny)
    assert titles(report)[0] == ("shown", "run bad", "Wraps a command in a code fence")
    assert numbers(first(report), "attempts_here_with", "attempts_here", "attempts_elsewhere_with") == [12, 12, 0]


def test_what_else_marks_the_run_is_listed_under_its_best_mark(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    report = report_of(tiny, patterns=True)
    under = {consequence.title for consequence in first(report).consequences}
    assert {"Gets errors about BASH: command not found", "A tool call fails"} <= under
    assert [f.scope for f in report.findings].count("run bad") == 1


def test_the_claim_names_this_run_the_others_and_the_test(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    claim = first(report_of(tiny)).claim
    assert "In run bad 12 of 12 attempts show it" in claim
    assert (
        "This run does worse than good (of 12 tasks that both tried, worse on 9 and better on 0; sign test, " in claim
    )
    assert "this run and the behaviour go together, and no more" in claim


def test_the_comparison_names_the_finding(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    assert [pair.findings for pair in report_of(tiny).comparisons] == [["F1"]]


def test_a_fault_of_two_runs_marks_both(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 11)
    run(tiny, "bad", FENCE, 0)
    run(tiny, "ugly", FENCE, 0)
    assert titles(report_of(tiny))[0] == ("shown", "run bad and run ugly", "Wraps a command in a code fence")


def test_an_error_about_one_thing_marks_a_run(tiny: TinyStore) -> None:
    other = [step("execute", "ls /tmp/x", error="ls: cannot access '/tmp/x': No such file", error_type="shell")]
    run(tiny, "good", other, 9)
    run(tiny, "bad", LOST, 0)
    assert titles(report_of(tiny, patterns=True))[0] == ("shown", "run bad", "Gets errors about /data: No such file")


def test_a_mark_that_a_better_run_shows_too_is_suspected(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 11)
    run(tiny, "fair", LOST, 11)
    run(tiny, "bad", LOST, 0)
    found = first(report_of(tiny, patterns=True))
    assert (found.level, found.scope) == ("suspected", "run bad")
    assert found.level_reason == "It is seen too in run fair (12 of 12), which nevertheless does better."


def test_a_run_that_does_no_worse_is_not_marked(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 6)
    run(tiny, "same", FENCE, 5)
    assert "shown" not in {finding.level for finding in report_of(tiny).findings}


def test_a_worse_run_without_a_mark_is_said_in_the_caveats(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", PLAIN, 1)
    assert any(
        note.startswith("Run bad does worse than good (of 12 tasks that both tried, worse on 8")
        for note in report_of(tiny).caveats
    )


def test_a_mark_that_is_proven_within_runs_is_one_finding_with_both(tiny: TinyStore) -> None:
    for task in range(12):
        for number in range(4):
            tiny.add(PLAIN, outcome="success", task=f"t{task}", run="good")
            slips = number < 3 or task == 0
            tiny.add(FENCE if slips else PLAIN, outcome="failure" if slips else "success", task=f"t{task}", run="bad")
    report = report_of(tiny, behaviours=[b for b in DETECTORS if b.name == "fenced_command"])
    found = first(report)
    assert (found.level, found.scope, found.behaviour) == ("proven", "run bad", "fenced_command")
    assert isinstance(found.numbers["q_value"].value, float)
    assert [f.behaviour for f in report.findings].count("fenced_command") == 1


def test_a_predicate_of_a_model_may_mark_a_run(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", [step("execute", "LS", result="")], 0)
    asked = Behaviour(
        name="upper",
        title="Shouts",
        meaning="m",
        sql="SELECT trace_id, arguments = upper(arguments) AS value, step FROM steps",
        source="a model",
        asked_by="a model",
    )
    with measured_store(tiny, behaviours=[], patterns=False, guarded=tiny.rows) as mined:
        report = mined.report_with([ExtraBehaviour(asked, written_up=True)], [], title="t", made_at="now").report
    assert [(f.id, f.level, f.scope) for f in report.findings] == [("M1", "shown", "run bad")]


def test_a_report_with_comparisons_is_verified(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    assert verify_report(report_of(tiny), tiny) == []


def test_a_changed_comparison_is_found(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", FENCE, 0)
    report = report_of(tiny)
    pair = report.comparisons[0]
    changed = pair.model_copy(update={"lost": pair.lost.model_copy(update={"value": 12})})
    found = verify_report(report.model_copy(update={"comparisons": [changed]}), tiny)
    assert [mismatch.where for mismatch in found] == ["comparisons[run bad and good].lost"]


def test_a_call_that_marks_a_run_is_no_fault_and_only_suspected(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", [step("look_up", '{"q": 1}', result="b")], 0)
    found = first(report_of(tiny, patterns=True))
    assert (found.level, found.scope, found.title) == ("suspected", "run bad", "Calls: look_up(q)")
    assert found.level_reason == "It is a difference between the runs and no fault by itself."


def test_of_many_better_runs_only_the_clearest_are_named(tiny: TinyStore) -> None:
    for number in range(6):
        run(tiny, f"good-{number}", PLAIN, 11)
    run(tiny, "bad", FENCE, 0)
    claim = first(report_of(tiny)).claim
    assert "it is seen in 0 of 72 attempts of the 6 runs that do better" in claim
    assert "and 3 more. That says" in claim


def test_a_tool_that_a_run_lacks_marks_it(tiny: TinyStore) -> None:
    run(tiny, "good", [*PLAIN, step("check", "{}", result="ok")], 9)
    run(tiny, "bad", PLAIN, 0)
    found = first(report_of(tiny, patterns=True))
    assert (found.level, found.scope, found.title) == ("suspected", "run bad", "Never calls check")


def test_a_habit_that_marks_a_run_is_only_suspected(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", [step("click", "{}", error="no", error_type="tool_error")], 0)
    found = first(report_of(tiny))
    assert (found.level, found.scope, found.title) == ("suspected", "run bad", "A tool call fails")


def test_a_mode_that_does_worse_for_one_of_its_runs_has_no_finding(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9, mode="a")
    run(tiny, "fair", PLAIN, 9, mode="b")
    run(tiny, "bad", FENCE, 0, mode="b")
    report = report_of(tiny)
    assert ("mode", "b", "a") in {(pair.by, pair.worse, pair.better) for pair in report.comparisons}
    assert [f.scope for f in report.findings if f.scope] == ["run bad"]
    assert not [note for note in report.caveats if note.startswith("Mode b does worse")]


def test_a_mode_that_does_worse_in_all_its_runs_is_said(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 11, mode="a")
    run(tiny, "fair", PLAIN, 2, mode="b")
    run(tiny, "bad", FENCE, 0, mode="b")
    assert any(note.startswith("Mode b does worse") for note in report_of(tiny).caveats)


def test_remedies_of_faults_that_mark_the_same_run_may_help_too(tiny: TinyStore) -> None:
    run(tiny, "good", PLAIN, 9)
    run(tiny, "bad", [step("teleport", "{}", error="unknown tool teleport", error_type="unknown_action")], 0)
    report = report_of(tiny, behaviours=[b for b in built_in() if b.name in ("unknown_action", "fenced_command")])
    assert "constrain_targets" in first(report).remedies
