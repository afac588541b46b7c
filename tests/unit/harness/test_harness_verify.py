"""The verifier before an action and after it."""

import pytest
from harness_pages import button, combobox, page, submit, textbox, words

from harness.act.actions import Action, ActionProblem
from harness.check.verifier import judge, stale
from harness.observe.observation import Element, Observation

CLICK = Action(name="click", ref=1, label="OK")


def meant(view: Observation, ref: int = 1) -> Element | None:
    return view.by_ref(ref)


def test_a_target_that_is_as_it_was_passes() -> None:
    view = page(button(1, "OK"))
    assert stale(CLICK, meant(view), view) is None
    assert stale(Action(name="press", text="Enter"), None, view) is None


def test_a_target_that_has_gone_is_named() -> None:
    problem = stale(CLICK, meant(page(button(1, "OK"))), page(button(2, "Other")))
    assert problem is not None
    assert (problem.type, problem.message) == ("unknown_target", "'OK' is no longer on the page")


def test_a_target_that_became_another_is_refused() -> None:
    problem = stale(CLICK, meant(page(button(1, "OK"))), page(button(1, "Delete")))
    assert problem is not None
    assert problem.message == "'OK' has become 'Delete'"


def test_a_target_that_was_disabled_meanwhile_is_refused() -> None:
    problem = stale(CLICK, meant(page(button(1, "OK"))), page(button(1, "OK", disabled=True)))
    assert problem is not None
    assert problem.type == "not_applicable"


def test_an_action_must_fit_its_target() -> None:
    view = page(button(1, "OK"))
    problem = stale(Action(name="fill", ref=1, label="OK", text="x"), meant(view), view)
    assert problem is not None
    assert problem.message == "a button cannot take fill"


def test_words_that_say_another_target_are_refused() -> None:
    view = page(button(1, "OK"))
    assert stale(Action(name="click", ref=1, label="Cancel"), meant(view), view) is not None


def verdict(action: Action | None, before: Observation, after: Observation, **more: object) -> str:
    problem = more.get("problem")
    assert problem is None or isinstance(problem, ActionProblem)
    return judge(action, problem, before, after, over=bool(more.get("over"))).kind


def test_a_field_that_took_its_text_is_set() -> None:
    fill = Action(name="fill", ref=1, label="A", text="tea 12")
    assert verdict(fill, page(textbox(1, "A")), page(textbox(1, "A", "tea 12"))) == "value_set"
    assert verdict(fill, page(textbox(1, "A")), page(textbox(1, "A", "tea"))) == "value_not_set"
    assert verdict(fill, page(textbox(1, "A")), page(textbox(1, "A", "(tea) 12"))) == "value_set"


def test_a_choice_is_checked_too() -> None:
    choose = Action(name="select", ref=1, label="Wood", text="ash")
    lists = [page(combobox(1, "Wood", ("Oak", "Ash"), value)) for value in ("Oak", "Ash")]
    assert verdict(choose, lists[0], lists[1]) == "value_set"
    assert verdict(choose, lists[0], lists[0]) == "value_not_set"


def test_a_secret_is_judged_by_the_page_alone() -> None:
    fill = Action(name="fill", ref=1, label="P", text="x")
    before, after = page(textbox(1, "P", kind="password")), page(textbox(1, "P", "*", kind="password"))
    assert verdict(fill, before, after) == "changed"


@pytest.mark.parametrize(
    "message", ["Invalid password", "Please enter a name", "This field is required", "Payment failed"]
)
def test_a_new_complaint_of_the_page_is_an_error(message: str) -> None:
    before = page(submit(1, "OK"))
    assert verdict(CLICK, before, page(submit(1, "OK"), words(message))) == "error_shown"
    assert verdict(CLICK, page(submit(1, "OK"), words(message)), page(submit(1, "OK"), words(message))) == "no_effect"


def test_a_page_full_of_new_words_may_speak_of_errors() -> None:
    text = [words(f"Line {n}") for n in range(9)]
    after = page(*text, words("I cannot come, the train failed"))
    assert verdict(CLICK, page(button(1, "OK")), after) == "changed"
    alert = Element(role="text", name="Payment failed", within="alert")
    assert verdict(CLICK, page(button(1, "OK")), page(*text, alert)) == "error_shown"


def test_another_address_is_navigation() -> None:
    before = page(button(1, "OK")).model_copy(update={"address": "http://x/a"})
    after = page(button(1, "OK")).model_copy(update={"address": "http://x/b"})
    assert verdict(CLICK, before, after) == "navigated"


def test_the_rest() -> None:
    view = page(button(1, "OK"))
    assert verdict(CLICK, view, view) == "no_effect"
    assert verdict(CLICK, view, page(button(1, "OK"), words("Hi"))) == "changed"
    assert verdict(CLICK, view, view, over=True) == "finished"
    assert verdict(Action(name="done"), view, view) == "finished"
    assert verdict(None, view, view) == "failed"
    assert verdict(CLICK, view, view, problem=ActionProblem(type="execution", message="covered")) == "failed"


def test_what_is_not_good_is_said_in_words() -> None:
    view = page(button(1, "OK"))
    assert judge(CLICK, None, view, view, over=False).message == 'click "OK" changed nothing'
