"""Guards and choices: what is refused, what is offered, and that the reply schema says the same."""

from typing import Any

import pytest
from harness_pages import button, checkbox, combobox, page, submit, textbox

from harness.act.actions import Action
from harness.act.history import PastStep
from harness.check.guards import refusal, warning
from harness.decide.choices import open_choices, reply_schema
from harness.observe.observation import Observation, opened_by
from harness.settings.schema import GuardSettings, HarnessSettings

CLICK_OK = Action(name="click", ref=1, label="OK")


def did(action: Action, view: Observation, *, changed: bool | None = True, ran: bool = True) -> PastStep:
    return PastStep(action=action, result="", layout=view.layout, before=view.fingerprint, changed=changed, ran=ran)


def guards(**values: Any) -> GuardSettings:
    return GuardSettings.model_validate(values)


def settings(**groups: Any) -> HarnessSettings:
    return HarnessSettings.model_validate(groups)


def test_nothing_is_refused_by_default() -> None:
    view = page(button(1, "OK"), textbox(2, "A"), submit(3))
    history = [did(CLICK_OK, view, changed=False)] * 9
    for action in (CLICK_OK, Action(name="click", ref=3), Action(name="done")):
        assert refusal(action, history, view, guards()) is None


def test_the_loop_guard_counts_from_its_setting() -> None:
    view = page(button(1, "OK"))
    twice = guards(loop="block", loop_after=2)
    assert refusal(CLICK_OK, [did(CLICK_OK, view)], view, twice) is None
    said = refusal(CLICK_OK, [did(CLICK_OK, view)] * 2, view, twice)
    assert said is not None
    assert "2 times" in said


def test_a_new_layout_forgives_repeats() -> None:
    old, new = page(button(1, "OK")), page(button(1, "OK"), button(2, "More"))
    assert refusal(CLICK_OK, [did(CLICK_OK, old)], new, guards(loop="block", loop_after=1)) is None


def test_a_page_that_comes_back_remembers_what_was_done_on_it() -> None:
    closed, open_page = page(button(1, "Menu")), page(button(1, "Menu"), button(2, "Print"))
    history = [did(Action(name="click", ref=1), closed), did(Action(name="click", ref=2), open_page)]
    assert refusal(Action(name="click", ref=1), history, closed, guards(loop="block", loop_after=1)) is not None


def test_doing_again_what_opened_the_page_is_a_repeat() -> None:
    closed, open_page = page(button(1, "Menu")), page(button(1, "Menu"), button(2, "Print"))
    assert opened_by(closed, open_page)
    assert not opened_by(page(button(1, "Next"), button(2, "A")), page(button(1, "Next"), button(3, "B")))
    first = did(Action(name="click", ref=1), closed).model_copy(update={"opened": open_page.layout})
    assert refusal(Action(name="click", ref=1), [first], open_page, guards(loop="block", loop_after=1)) is not None
    assert refusal(Action(name="click", ref=2), [first], open_page, guards(loop="block", loop_after=1)) is None


def test_refilling_a_field_with_other_words_is_a_repeat() -> None:
    view = page(textbox(1, "A"))
    history = [did(Action(name="fill", ref=1, text="x"), view)]
    again = Action(name="fill", ref=1, text="y")
    assert refusal(again, history, view, guards(loop="block", loop_after=1)) is not None


def test_a_loop_warning_is_a_note_and_no_refusal() -> None:
    view = page(button(1, "OK"))
    warn = guards(loop="warn", loop_after=1)
    assert refusal(CLICK_OK, [did(CLICK_OK, view)], view, warn) is None
    assert "already done" in str(warning(CLICK_OK, [did(CLICK_OK, view)], view, warn))


def test_what_changed_nothing_is_banned_on_that_page_only() -> None:
    view, other = page(button(1, "OK")), page(button(1, "OK"), button(2, "New"))
    history = [did(CLICK_OK, view, changed=False)]
    assert "changed nothing" in str(refusal(CLICK_OK, history, view, guards(no_effect_ban=True)))
    assert refusal(CLICK_OK, history, other, guards(no_effect_ban=True)) is None


def test_a_refused_action_is_no_evidence_of_no_effect() -> None:
    view = page(button(1, "OK"))
    history = [did(CLICK_OK, view, changed=None, ran=False)]
    assert refusal(CLICK_OK, history, view, guards(no_effect_ban=True)) is None


def test_submitting_early_names_the_unanswered_fields() -> None:
    view = page(textbox(1, "Name"), submit(2))
    click = Action(name="click", ref=2)
    assert refusal(click, [], view, guards(submit_check="block")) == "not answered yet: Name"
    assert refusal(click, [], page(textbox(1, "Name", "x"), submit(2)), guards(submit_check="block")) is None


def test_enter_in_a_field_is_a_submit_too() -> None:
    view = page(textbox(1, "Name", "x", focused=True), textbox(2, "Age"), submit(3))
    enter = Action(name="press", text="Enter")
    assert refusal(enter, [], view, guards(submit_check="block")) == "not answered yet: Age"


def test_choosing_the_option_that_is_already_chosen_answers_the_question() -> None:
    view = page(combobox(1, "Wood", ("Oak", "Ash"), "Oak"), submit(2))
    click = Action(name="click", ref=2)
    chose = did(Action(name="select", ref=1, text="Oak"), view, changed=False)
    assert refusal(click, [], view, guards(submit_check="block")) is not None
    assert refusal(click, [chose], view, guards(submit_check="block")) is None


def test_done_is_refused_until_the_work_shows() -> None:
    done, check = Action(name="done"), guards(done_check=True)
    empty = page(textbox(1, "A"), submit(2))
    assert refusal(done, [], empty, check) == "nothing has been changed on the page yet"
    fill = did(Action(name="fill", ref=1, text="x"), empty)
    filled = page(textbox(1, "A", "x"), submit(2))
    assert refusal(done, [fill], filled, check) == "the answers have not been sent: Submit"
    assert refusal(done, [fill, did(Action(name="click", ref=2), filled)], filled, check) is None


VIEW = page(button(1, "OK"), textbox(2, "Name"), checkbox(3, "News"), combobox(4, "Wood", ("Oak", "Ash"), "Oak"))


def schema(**groups: Any) -> dict[str, Any]:
    chosen = settings(**groups)
    return reply_schema(open_choices(VIEW, [], chosen), chosen)


def test_the_bare_schema_holds_only_the_form() -> None:
    bare = schema()
    assert bare["properties"]["target"] == {"type": "string"}
    assert bare["properties"]["action"]["enum"] == ["click", "fill", "select", "press", "scroll", "done"]


def branches(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {b["properties"]["action"]["const"]: b["properties"] for b in schema["anyOf"]}


def test_constrained_targets_are_those_on_the_page() -> None:
    found = branches(schema(actions={"constrain_targets": True}))
    assert found["click"]["target"]["enum"] == ["1", "2", "3", "4"]
    assert found["fill"]["target"]["enum"] == ["1", "2", "3", "4"]


def test_labels_take_the_place_of_numbers() -> None:
    found = branches(schema(actions={"constrain_targets": True, "addressing": "label"}))
    assert found["click"]["target"]["enum"] == ["OK", "Name", "News", "Wood"]


def test_applicable_actions_fit_their_targets() -> None:
    found = branches(schema(actions={"constrain_targets": True, "applicable_only": True}))
    assert found["click"]["target"]["enum"] == ["1", "3"]
    assert found["fill"]["target"]["enum"] == ["2"]
    assert found["select"]["text"]["enum"] == ["Oak", "Ash"]
    assert "scroll" not in found
    assert "press" not in found


def test_guarded_pairs_are_not_offered() -> None:
    chosen = settings(
        actions={"constrain_targets": True, "applicable_only": True}, guards={"loop": "block", "loop_after": 1}
    )
    view = page(button(1, "A"), button(2, "B"))
    offered = open_choices(view, [did(Action(name="click", ref=1), view)], chosen)
    assert [(c.name, c.element.ref if c.element else None) for c in offered] == [("click", 2), ("done", None)]


def test_guards_step_back_where_they_would_leave_nothing() -> None:
    chosen = settings(actions={"applicable_only": True}, guards={"loop": "block", "loop_after": 1, "done_check": True})
    view = page(button(1, "A"))
    offered = open_choices(view, [did(Action(name="click", ref=1), view, changed=False)], chosen)
    assert [c.name for c in offered] == ["click", "done"]


@pytest.mark.parametrize("sends", [True, False])
def test_a_key_is_offered_where_no_button_sends_the_field(sends: bool) -> None:
    parts = [textbox(1, "A", focused=True)] + ([submit(2)] if sends else [])
    offered = {c.name for c in open_choices(page(*parts), [], settings(actions={"applicable_only": True}))}
    assert ("press" in offered) is not sends


def shapes(view: Observation, **groups: Any) -> dict[str, dict[str, Any]]:
    chosen = settings(**groups)
    found = reply_schema(open_choices(view, [], chosen), chosen)
    return {b["properties"]["action"]["const"]: b for b in found["anyOf"]}


def test_navigation_an_answer_and_confidence_are_in_the_schema_only_when_asked_for() -> None:
    view = page(button(1, "A"))
    plain = shapes(view, actions={"constrain_targets": True})
    assert set(plain["done"]["properties"]) == {"action"}
    assert "goto" not in plain
    asked = shapes(
        view,
        actions={"constrain_targets": True, "navigation": True, "answer": True},
        hierarchy={"manager": True},
        escalation={"low_confidence": True},
    )
    assert asked["done"]["required"] == ["action", "confidence"]
    assert set(asked["done"]["properties"]) == {"action", "confidence", "text"}
    assert asked["goto"]["required"] == ["action", "text", "confidence"]
    assert {"back", "wait"} <= set(asked)


def test_nobody_is_asked_for_confidence_that_nobody_reads() -> None:
    view = page(button(1, "A"))
    alone = shapes(view, actions={"constrain_targets": True}, escalation={"low_confidence": True})
    assert "confidence" not in alone["click"]["properties"]
