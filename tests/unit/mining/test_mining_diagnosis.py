"""The first decisive step of a failed attempt, by rules."""

import pytest
from mining_fixture import TinyStore, step

from halo_opt.mining.diagnosis import Acted, Ending, Parting, decide, diagnose
from halo_opt.mining.mine import mine_store


def did(number: int, head: str = "look", **more: object) -> Acted:
    return Acted(number, **{"tool": head, "head": head, "arguments": f"{number}", **more})  # type: ignore[arg-type]


def failing(number: int, head: str = "book", **more: object) -> Acted:
    return did(number, head, failed=True, error="no such flight", **more)


CASES = {
    "an error is decisive when its tool never works again": (
        [did(0), failing(1), did(2), failing(3)],
        ("unrecovered error", 1),
    ),
    "an error is passed over when its tool works later": (
        [failing(0), did(1, "book"), failing(2, "pay")],
        ("unrecovered error", 2),
    ),
    "an unreadable action is recovered by any step that works": (
        [failing(0, "", malformed=True, tool=""), did(1)],
        ("last step", 1),
    ),
    "three equal actions are a loop from the second on": (
        [did(0), *(did(n, arguments="x", result="same") for n in (1, 2, 3))],
        ("repeated action", 2),
    ),
    "two equal actions are no loop": ([did(0, arguments="x"), did(1, arguments="x")], ("last step", 1)),
    "one step is the last step": ([did(0)], ("last step", 0)),
    "without steps nothing can be named": ([], ("no steps", None)),
}


@pytest.mark.parametrize("name", CASES)
def test_rules(name: str) -> None:
    steps, expected = CASES[name]
    assert decide(steps, Ending())[:2] == expected


def test_a_limit_decides_where_nothing_failed_or_was_repeated() -> None:
    found = decide([did(0), did(1)], Ending("", 2, 2))
    assert found[:2] == ("limit reached", 1)
    assert "The step limit of 2 steps ended the attempt" in found.problem
    assert decide([did(0)], Ending("time_limit")).problem.startswith("The time limit ended the attempt")


def test_a_success_that_did_something_else_comes_before_a_loop() -> None:
    steps = [did(n, arguments="x") for n in range(3)]
    found = decide(steps, Ending(), Parting("s", 1, did(1, "ask")))
    assert found[:2] == ("differs from a success", 1)
    assert found.problem == "It did look x, while the success s did ask 1."


def test_an_attempt_that_ended_too_early_is_decided_at_its_last_step() -> None:
    found = decide([did(0)], Ending(), Parting("s", 1, did(1, "pay")))
    assert found[1] == 0
    assert "while the success s went on" in found.problem


def failed_and_succeeded(store: TinyStore) -> str:
    fine = [step("open", "{}", result="ok", agent="Planner"), step("save", "{}", result="ok", agent="Clerk")]
    slip = [fine[0], step("slip", "  the wrong\n one", result="ok", agent="Clerk")]
    for task in range(6):
        for number in range(4):
            store.add(slip if number < 2 else fine, outcome="failure" if number < 2 else "success", task=f"t{task}")
    return "trace-0000"


def test_the_agent_the_quote_and_the_finding_are_those_of_the_trace(tiny: TinyStore) -> None:
    failed = failed_and_succeeded(tiny)
    report = mine_store(tiny, [], title="t", made_at="2026-01-01T00:00:00+00:00")
    [one] = diagnose(tiny, report, [failed])
    assert (one.agent, one.step, one.quote, one.rule) == ("Clerk", 1, "the wrong", "differs from a success")
    assert one.finding == report.findings[0].id


def test_each_exemplar_of_a_report_has_its_diagnosis(tiny: TinyStore) -> None:
    failed_and_succeeded(tiny)
    report = mine_store(tiny, [], title="t", made_at="2026-01-01T00:00:00+00:00")
    shown = report.findings[0].exemplars
    assert shown
    assert [one.diagnosis.trace_id for one in shown if one.diagnosis] == [one.trace_id for one in shown]
