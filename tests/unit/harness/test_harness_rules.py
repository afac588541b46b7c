"""The rules policy: decides from goal and page alone, lives by the settings, and always gives the same reply."""

import json
import time
from typing import Any

from harness_pages import button, checkbox, combobox, page, submit, textbox

from harness.decide.choices import open_choices
from harness.decide.policy import PolicyInput, mask
from harness.decide.rules import RulesPolicy, mentions, quoted
from harness.observe.observation import Observation
from harness.settings.schema import HarnessSettings


def decide(goal: str, view: Observation, history: tuple[str, ...] = (), **groups: Any) -> dict[str, Any]:
    settings = HarnessSettings.model_validate({"actions": {"addressing": "label"}, **groups})
    seen = mask(view, element_state=settings.observation.element_state)
    shown = {e.ref: e for e in seen.controls}
    choices = [
        c.model_copy(update={"element": shown[c.element.ref]}) if c.element else c
        for c in open_choices(view, [], settings)
    ]
    turn = PolicyInput(goal=goal, page="", observation=seen, choices=tuple(choices), history=history)
    reply = RulesPolicy(settings).decide(turn, deadline=time.monotonic() + 1)
    assert reply.call is None
    return dict(json.loads(reply.text))


STATE = {"observation": {"element_state": True}}


def test_quoted_words_are_found_in_order() -> None:
    assert quoted("Type \"a b\" and 'c', don't wait") == ["a b", "c"]


def test_names_match_as_whole_words() -> None:
    assert mentions("Press the OK button.", "OK")
    assert not mentions("Press the OKAY button.", "OK")
    assert not mentions("anything", "")


def test_the_button_that_the_goal_names_is_clicked() -> None:
    view = page(button(1, "Keep"), button(2, "Delete"))
    assert decide("Press the Delete button.", view) == {"action": "click", "target": "Delete"}


def test_a_field_gets_the_value_beside_its_name() -> None:
    view = page(textbox(1, "Street"), textbox(2, "City"), submit(3))
    goal = 'Write the city "Rome" and the street "Via 1" and send.'
    assert decide(goal, view) == {"action": "fill", "target": "Street", "text": "Via 1"}


def test_a_filled_field_is_left_alone_when_state_is_shown() -> None:
    view = page(textbox(1, "City", "Rome"), submit(2))
    goal = 'Write the city "Rome" and send.'
    assert decide(goal, view, **STATE) == {"action": "click", "target": "Submit"}
    assert decide(goal, view) == {"action": "fill", "target": "City", "text": "Rome"}


def test_history_tells_what_hidden_state_does_not() -> None:
    view = page(textbox(1, "City", "Rome"), submit(2))
    history = ('fill "City" with "Rome": the page changed',)
    assert decide('Write the city "Rome" and send.', view, history)["target"] == "Submit"


def test_ticks_and_options_that_the_goal_names_are_made() -> None:
    ticks = page(checkbox(1, "leek"), checkbox(2, "dill", True), checkbox(3, "onion"), submit(4))
    assert decide("Take dill and onion.", ticks, **STATE) == {"action": "click", "target": "onion"}
    lists = page(combobox(1, "Wood", ("Oak", "Ash"), "Oak"), submit(2))
    assert decide("Choose Ash as wood.", lists, **STATE) == {"action": "select", "target": "Wood", "text": "Ash"}


def test_a_blocked_submit_turns_to_something_else() -> None:
    view = page(textbox(1, "Note"), submit(2))
    assert decide("Send it.", view)["target"] == "Submit"
    assert decide("Send it.", view, guards={"submit_check": "block"}) != {"action": "click", "target": "Submit"}


def test_the_same_page_gets_the_same_reply() -> None:
    view = page(button(1, "A"), button(2, "B"))
    assert decide("Do something.", view) == decide("Do something.", view)
