"""Replies become actions or problems; a reply can be wrong in many ways and none of them raises."""

import json

import pytest
from harness_pages import button, checkbox, combobox, page, textbox
from hypothesis import given
from hypothesis import strategies as st

from harness.act.actions import Action, read_action
from harness.act.execute import picker_value, same_site

PAGE = page(
    button(1, "OK"),
    textbox(2, "Name"),
    combobox(3, "Colour", ("Red", "Dark Blue"), "Red"),
    button(4, "Gone", disabled=True),
    checkbox(5, "News"),
    button(6, "OK"),
)


def problem_of(reply: str, *, by_ref: bool = True) -> str | None:
    _, problem = read_action(reply, PAGE, by_ref=by_ref)
    return problem.type if problem else None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("I would click OK.", "format"),
        ("", "format"),
        ('{"action": "click", "target": ', "format"),
        ("[1, 2]", "format"),
        ('{"target": "1"}', "format"),
        ('{"action": 3}', "format"),
        ('{"action": "drag", "target": "1"}', "unknown_action"),
        ('{"action": "click", "target": "99"}', "unknown_target"),
        ('{"action": "click", "target": "OK"}', "unknown_target"),
        ('{"action": "click"}', "invalid_arguments"),
        ('{"action": "fill", "target": "1", "text": "x"}', "not_applicable"),
        ('{"action": "select", "target": "2", "text": "x"}', "not_applicable"),
        ('{"action": "click", "target": "4"}', "not_applicable"),
        ('{"action": "fill", "target": "2"}', "invalid_arguments"),
        ('{"action": "select", "target": "3", "text": "Green"}', "invalid_arguments"),
        ('{"action": "press", "text": "Hyper"}', "invalid_arguments"),
        ('{"action": "scroll", "text": "sideways"}', "invalid_arguments"),
    ],
)
def test_each_mistake_has_its_type(reply: str, kind: str) -> None:
    assert problem_of(reply) == kind


@pytest.mark.parametrize(
    "reply",
    [
        '{"action": "click", "target": "1"}',
        '{"action": "click", "target": 1}',
        '{"action": "click", "target": "[1]"}',
        '```json\n{"action": "Click", "target": "1"}\n```',
        'Sure: {"action": "click", "target": "1"} is next.',
        '{"action": "fill", "target": "2", "text": ""}',
        '{"action": "select", "target": "3", "text": "dark  blue"}',
        '{"action": "press", "text": "enter"}',
        '{"action": "scroll"}',
        '{"action": "done"}',
    ],
)
def test_forgivable_forms_are_understood(reply: str) -> None:
    assert problem_of(reply) is None


def test_a_label_means_its_control_and_not_another() -> None:
    first, _ = read_action('{"action": "click", "target": "OK"}', PAGE, by_ref=False)
    second, _ = read_action('{"action": "click", "target": "ok (2)"}', PAGE, by_ref=False)
    assert first is not None
    assert second is not None
    assert (first.ref, second.ref) == (1, 6)


def test_an_unknown_target_still_tells_what_was_aimed_at() -> None:
    action, problem = read_action('{"action": "click", "target": "Cancel"}', PAGE, by_ref=False)
    assert action is not None
    assert problem is not None
    assert action.describe() == 'click "Cancel"'
    assert "'Cancel'" in problem.message


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("date", "10/16/2012", "2012-10-16"),
        ("date", "16 october 2012", "2012-10-16"),
        ("date", "2012-10-16", "2012-10-16"),
        ("date", "soon", None),
        ("date", "", ""),
        ("time", "10:15 pm", "22:15"),
        ("time", "7:05", "07:05"),
        ("color", "#ff0000", "#ff0000"),
    ],
)
def test_pickers_take_dates_and_times_as_people_write_them(kind: str, text: str, value: str | None) -> None:
    assert picker_value(kind, text) == value


def test_phrases_read_like_sentences() -> None:
    assert Action(name="fill", ref=2, label="Name", text="Ann").describe() == 'fill "Name" with "Ann"'
    assert Action(name="select", ref=3, label="Colour", text="Red").describe() == 'select "Red" in "Colour"'
    assert Action(name="press", text="Enter").describe() == 'press "Enter"'
    assert Action(name="done").describe() == "done"


@given(st.text(max_size=200))
def test_no_reply_raises(reply: str) -> None:
    for by_ref in (True, False):
        action, problem = read_action(reply, PAGE, by_ref=by_ref)
        assert action is not None or problem is not None


@given(
    st.dictionaries(
        st.sampled_from(["action", "target", "text"]), st.one_of(st.text(max_size=8), st.integers(), st.none())
    )
)
def test_no_json_reply_raises(data: dict[str, object]) -> None:
    action, problem = read_action(json.dumps(data), PAGE, by_ref=True)
    assert action is not None or problem is not None


def test_done_may_carry_the_answer() -> None:
    action, problem = read_action('{"action": "done", "text": "It is 42."}', PAGE, by_ref=True)
    assert problem is None
    assert action == Action(name="done", text="It is 42.")
    assert action.describe() == 'done "It is 42."'


def test_navigation_is_no_action_until_it_is_switched_on() -> None:
    assert problem_of('{"action": "back"}') == "unknown_action"
    for reply in ('{"action": "back"}', '{"action": "wait"}', '{"action": "goto", "text": "/inbox"}'):
        action, problem = read_action(reply, PAGE, by_ref=True, navigation=True)
        assert problem is None
        assert action is not None
    _, problem = read_action('{"action": "goto"}', PAGE, by_ref=True, navigation=True)
    assert problem is not None
    assert problem.type == "invalid_arguments"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://127.0.0.1:80/a", "http://127.0.0.1:80/b?c", True),
        ("http://127.0.0.1:80/a", "http://127.0.0.1:81/a", False),
        ("http://x.org/a", "https://x.org/a", False),
        ("http://x.org/a", "http://x.org.evil.com/a", False),
        ("http://x.org/a", "http://x.org@evil.com/a", False),
        ("about:blank", "about:blank", False),
    ],
)
def test_a_site_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same
