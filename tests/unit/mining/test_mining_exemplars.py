"""A failure is held beside the nearest success at its task, at the step where the two part."""

from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.report_records import Beside, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.mine import mine_store

SLIPS = Behaviour(name="slips", title="Slips", meaning="-", condition=Condition(where="tool = 'slip'"))
START = [step("open", "{}", result="ok"), step("respond", '{"content": "hello"}', result="hi")]


def slips_fail(store: TinyStore) -> None:
    for task in range(6):
        for number in range(4):
            failed = number < 2
            words = step("respond", f'{{"content": "hello {number}"}}', result="hi")
            steps = [START[0], words, step("slip" if failed else "save", "{}", result="ok")]
            store.add(steps, outcome="failure" if failed else "success", task=f"t{task}")


def report_of(store: TinyStore) -> Report:
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00+00:00", behaviours=[SLIPS], patterns=False)


def test_the_step_where_a_failure_and_a_success_part_is_shown_with_both_sides(tiny: TinyStore) -> None:
    slips_fail(tiny)
    shown = report_of(tiny).findings[0].exemplars[0]
    assert shown.beside == Beside(
        trace_id="trace-0002", seed=2, step=2, here="step 2: slip {} | result: ok", there="step 2: save {} | result: ok"
    )


def test_without_a_success_at_the_task_nothing_is_held_beside(tiny: TinyStore) -> None:
    slips_fail(tiny)
    for _ in range(6):
        tiny.add([step("slip", "{}", result="ok")], task="unsolved")
    shown = {e.task_id: e.beside for e in report_of(tiny).findings[0].exemplars}
    assert shown["unsolved"] is None


def test_verify_confirms_what_stands_beside_and_refuses_what_does_not(tiny: TinyStore) -> None:
    slips_fail(tiny)
    report = report_of(tiny)
    assert verify_report(report, tiny) == []
    finding = report.findings[0]
    real = finding.exemplars[0].beside
    assert real is not None
    for change, words in (
        ({"step": 1}, "does not part from trace-0002 at step 1"),
        ({"there": "step 2: save all"}, "the words beside trace-0002 are not the traces'"),
        ({"trace_id": "trace-0001"}, "no success trace-0001 at task t0"),
    ):
        wrong = finding.exemplars[0].model_copy(update={"beside": real.model_copy(update=change)})
        changed = finding.model_copy(update={"exemplars": [wrong]})
        [mismatch] = verify_report(report.model_copy(update={"findings": [changed]}), tiny)
        assert words in mismatch.reason
