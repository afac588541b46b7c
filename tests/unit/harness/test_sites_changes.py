"""What changed between two states, in the shapes that graders read."""

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.sites.base.changes import Collection, Tree, changes, differences
from harness.sites.base.sessions import MOST_FORMS, Sessions

KEYS = st.text("abc", min_size=1, max_size=2)
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0]) | st.text("xy", max_size=2)
VALUES = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=3), lambda below: st.dictionaries(KEYS, below, max_size=3), max_leaves=12
)
STATES = st.dictionaries(KEYS, VALUES, max_size=4)
NOTHING: dict[str, Any] = {"added": {}, "updated": {}, "deleted": {}}
MAILS = (Collection("mails", ("post", "mails")),)


def shape(value: Any) -> Any:
    """A value that is equal only to what is the same JSON: true is not 1."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return [shape(v) for v in value] if isinstance(value, list) else (isinstance(value, bool), value)


def _merge(into: Tree, more: Tree) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = deepcopy(value)


def _remove(from_: Tree, gone: Tree) -> None:
    for key, value in gone.items():
        if value is None:
            from_.pop(key, None)
        else:
            _remove(from_[key], value)


def applied(initial: Tree, change: Tree) -> Tree:
    """The state that `change`, made by `changes(initial, ...)`, leads to."""
    state = deepcopy(initial)
    _remove(state, change["deleted"])
    _merge(state, change["updated"])
    _merge(state, change["added"])
    return state


@given(STATES)
def test_a_state_differs_in_nothing_from_itself(state: dict[str, Any]) -> None:
    assert changes(state, deepcopy(state)) == NOTHING


@given(STATES, STATES)
def test_what_changed_applied_to_the_initial_state_is_the_final_one(
    initial: dict[str, Any], final: dict[str, Any]
) -> None:
    before, after = deepcopy(initial), deepcopy(final)
    assert shape(applied(initial, changes(initial, final))) == shape(final)
    assert (initial, final) == (before, after)


@given(STATES, STATES)
def test_whatever_changed_is_somewhere(initial: dict[str, Any], final: dict[str, Any]) -> None:
    assert (changes(initial, final) == NOTHING) == (shape(initial) == shape(final))


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=4), STATES)
def test_every_entry_is_either_added_updated_deleted_or_the_same(
    initial: dict[str, Any], final: dict[str, Any]
) -> None:
    final = {k: v for k, v in final.items() if isinstance(v, dict)}
    found = differences({"m": initial}, {"m": final}, (Collection("m", ("m",), as_list=False),))["m"]
    assert set(found["added"]) == final.keys() - initial.keys()
    assert set(found["deleted"]) == initial.keys() - final.keys()
    for key in initial.keys() & final.keys():
        gained = changes(initial[key], final[key])
        assert (key in found["updated"]) == bool(gained["added"] or gained["updated"])


def test_a_true_that_was_one_is_an_update() -> None:
    assert changes({"flag": 1, "list": [0]}, {"flag": True, "list": [False]})["updated"] == {
        "flag": True,
        "list": [False],
    }


def test_emptied_and_gone_are_told_apart() -> None:
    assert changes({"a": {"b": 1}}, {"a": {}})["deleted"] == {"a": {"b": None}}
    assert changes({"a": {"b": 1}}, {})["deleted"] == {"a": None}


def test_an_updated_entry_has_its_id_and_only_what_changed() -> None:
    initial = {"post": {"mails": {"1": {"id": "1", "read": False, "to": ["a"]}, "2": {"id": "2"}, "3": {"id": "3"}}}}
    final = {"post": {"mails": {"1": {"id": "1", "read": True, "to": ["a"], "until": "x"}, "2": {"id": "2"}, "4": {}}}}
    assert differences(initial, final, MAILS) == {
        "mails": {"added": [{}], "updated": [{"id": "1", "read": True, "until": "x"}], "deleted": [{"id": "3"}]}
    }


def test_differences_can_be_objects_by_id_as_other_sites_graders_want() -> None:
    by_id = (Collection("mails", ("post", "mails"), as_list=False),)
    assert differences({"post": {"mails": {}}}, {"post": {"mails": {"7": {"x": 1}}}}, by_id) == {
        "mails": {"added": {"7": {"x": 1}}, "updated": {}, "deleted": {}}
    }


def test_a_session_changes_neither_the_next_one_nor_its_own_beginning() -> None:
    sessions = Sessions(lambda: {"list": {"1": {"x": 0}}})
    _, first = sessions.start()
    first.state["list"]["1"]["x"] = 5
    _, second = sessions.start()
    assert second.state == second.initial == first.initial == {"list": {"1": {"x": 0}}}


def test_the_session_that_was_idle_longest_makes_room() -> None:
    sessions = Sessions(dict, most=2)
    first, second = sessions.start()[0], sessions.start()[0]
    assert sessions.find(first) is not None
    third = sessions.start()[0]
    assert sessions.find(second) is None
    assert sessions.find(first) is not None
    assert sessions.find(third) is not None


def test_a_form_counts_once_however_many_others_are_sent() -> None:
    _, session = Sessions(dict).start()
    assert session.first_time("f")
    assert not session.first_time("f")
    for i in range(MOST_FORMS + 5):
        assert session.first_time(f"other {i}")
    assert not session.first_time("other 5")
