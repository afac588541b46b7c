"""When the manager is called: each reason by itself, and never without one."""

from typing import Any

import pytest
from harness_pages import button, page, submit, textbox, words

from harness.act.actions import Action, ActionProblem, low_confidence
from harness.act.history import PastStep
from harness.check.loops import cycles, looping
from harness.decide.escalation import ProposedStep, escalation_reason, high_stakes_word
from harness.observe.observation import Observation
from harness.settings.schema import EscalationSettings

VIEW = page(button(1, "Next"), button(2, "Send message"), textbox(3, "Send to"), submit(4, "Pay now"))
NEXT = Action(name="click", ref=1, label="Next")
DONE = Action(name="done")


def gate(**values: Any) -> EscalationSettings:
    return EscalationSettings.model_validate(values)


def did(action: Action | None, where: str = "p", *, failed: bool = False) -> PastStep:
    ran = not failed
    return PastStep(action=action, result="", layout="l", before="b", changed=ran, ran=ran, page=where, failed=failed)


def reason(
    action: Action | None,
    history: tuple[PastStep, ...] = (),
    view: Observation = VIEW,
    *,
    problem: ActionProblem | None = None,
    by_model: bool = True,
    said_unsure: bool = False,
    **settings: Any,
) -> str | None:
    proposed = ProposedStep(action=action, problem=problem, by_model=by_model, low_confidence=said_unsure)
    return escalation_reason(proposed, view, "p", history, gate(**settings))


def test_an_ordinary_step_is_the_worker_s() -> None:
    assert reason(NEXT) is None
    assert reason(NEXT, (did(NEXT, "elsewhere"), did(Action(name="click", ref=2)))) is None


def test_an_unusable_reply_calls() -> None:
    problem = ActionProblem(type="unknown_target", message="")
    assert reason(None) == "unusable_reply"
    assert reason(NEXT, problem=problem) == "unusable_reply"
    assert reason(NEXT, problem=problem, unusable_reply=False) is None


def test_errors_in_a_row_call_and_one_success_forgives_them() -> None:
    bad, good = did(NEXT, "x", failed=True), did(Action(name="click", ref=2), "x")
    assert reason(NEXT, (bad,)) is None
    assert reason(NEXT, (bad, bad)) == "repeated_errors"
    assert reason(NEXT, (bad, bad, good)) is None
    assert reason(NEXT, (bad, bad), errors_in_a_row=0) is None
    assert reason(NEXT, (bad, bad), by_model=False) is None


def test_the_same_on_the_same_page_calls() -> None:
    assert reason(NEXT, (did(NEXT),)) is None
    assert reason(NEXT, (did(NEXT), did(NEXT))) == "loop"
    assert reason(NEXT, (did(NEXT), did(NEXT)), loop_after=0) is None


@pytest.mark.parametrize("ref", [2, 4])
def test_what_cannot_be_taken_back_calls_whoever_proposed_it(ref: int) -> None:
    click = Action(name="click", ref=ref)
    assert reason(click) == "high_stakes"
    assert reason(click, by_model=False) == "high_stakes"
    assert reason(click, by_model=False, high_stakes="model") is None
    assert reason(click, high_stakes="off") is None
    assert reason(click, stakes_words=["frobnicate"]) is None


def test_a_field_that_speaks_of_sending_is_no_stake() -> None:
    assert reason(Action(name="click", ref=3)) is None
    assert reason(Action(name="fill", ref=3, text="x")) is None


def test_enter_counts_as_the_button_that_it_stands_for() -> None:
    view = page(textbox(1, "Message", "hi", focused=True, scope=5), submit(2, "Send", scope=5))
    assert high_stakes_word(Action(name="press", text="Enter"), view, ["send"]) == "send"
    assert high_stakes_word(Action(name="press", text="Tab"), view, ["send"]) is None


def test_a_word_counts_only_whole() -> None:
    view = page(button(1, "Sender list"), button(2, "Repay"))
    assert high_stakes_word(Action(name="click", ref=1), view, ["send", "pay"]) is None
    assert high_stakes_word(Action(name="click", ref=2), view, ["send", "pay"]) is None


def test_the_final_answer_calls() -> None:
    assert reason(DONE) == "final_answer"
    assert reason(DONE, final_answer=False) is None


def test_doubt_calls_only_where_it_is_asked_for() -> None:
    assert reason(NEXT, said_unsure=True) is None
    assert reason(NEXT, said_unsure=True, low_confidence=True) == "low_confidence"
    assert reason(NEXT, low_confidence=True) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"action": "done", "confidence": "low"}', True),
        ('{"action": "done", "confidence": " LOW "}', True),
        ('{"action": "done", "confidence": 0.3}', True),
        ('{"action": "done", "confidence": 0.9}', False),
        ('{"action": "done", "confidence": "high"}', False),
        ('{"action": "done", "confidence": true}', False),
        ('{"action": "done"}', False),
        ("low", False),
    ],
)
def test_confidence_is_a_word_or_a_number(reply: str, expected: bool) -> None:
    assert low_confidence(reply) is expected


def test_the_weightiest_reason_is_named() -> None:
    assert reason(Action(name="click", ref=2), (did(NEXT, failed=True),) * 3, said_unsure=True) == "high_stakes"


def test_a_round_of_several_steps_is_a_loop() -> None:
    a, b = did(Action(name="click", ref=1), "p"), did(Action(name="click", ref=2), "q")
    assert cycles([a, b]) == 1
    assert cycles([a, b, a, b]) == 2
    assert cycles([b, a, b, a, b, a]) == 3
    assert looping(Action(name="click", ref=2), "q", [a, b, a, b, a], 2)
    assert not looping(Action(name="click", ref=9), "q", [a, b, a, b, a], 2)


def test_scrolling_and_waiting_are_no_loops() -> None:
    scroll = Action(name="scroll", text="down")
    assert not looping(scroll, "p", [did(scroll)] * 5, 1)


def test_text_is_no_target() -> None:
    assert high_stakes_word(Action(name="click", ref=None), page(words("Send")), ["send"]) is None
