"""Labels, text and fingerprints of a page."""

from harness_pages import button, checkbox, combobox, page, submit, textbox, words
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.labels import find_by_label, short, with_labels
from harness.observe.observation import Element, unfilled, unfilled_for
from harness.observe.render import page_text
from harness.settings.schema import ObservationSettings


def test_the_second_of_a_name_gets_a_number() -> None:
    labels = [e.label for e in with_labels([button(1, "Buy"), button(2, "Buy"), button(3, "buy")])]
    assert labels == ["Buy", "Buy (2)", "buy (3)"]


def test_controls_of_one_name_are_told_apart_by_their_row() -> None:
    rows = [button(1, "Delete", context="Ann"), button(2, "Delete", context="Bob"), button(3, "Send", context="Ann")]
    assert [e.label for e in with_labels(rows)] == ["Delete - Ann", "Delete - Bob", "Send"]
    same = [button(1, "Delete", context="Ann"), button(2, "Delete", context="Ann")]
    assert [e.label for e in with_labels(same)] == ["Delete - Ann", "Delete - Ann (2)"]


def test_a_nameless_control_is_called_by_its_role() -> None:
    assert [e.label for e in with_labels([textbox(1, ""), textbox(2, "")])] == ["textbox", "textbox (2)"]


@given(st.lists(st.text(max_size=70), max_size=12))
def test_labels_are_unique_and_lead_back(names: list[str]) -> None:
    elements = with_labels([button(n, name) for n, name in enumerate(names, start=1)])
    assert len({e.label.lower() for e in elements}) == len(names)
    for e in elements:
        found = find_by_label(elements, e.label)
        assert found is not None
        assert found.ref == e.ref


def test_long_names_are_cut_at_a_word() -> None:
    assert short("one two three four", 12) == "one two..."
    assert short("x" * 20, 10) == "xxxxxxx..."


def text_of(*elements: Element, by_ref: bool = True, **settings: object) -> str:
    return page_text(page(*elements).elements, ObservationSettings.model_validate(settings), by_ref=by_ref)


def test_numbers_are_shown_only_where_they_address() -> None:
    assert text_of(button(3, "OK")) == '[3] button "OK"'
    assert text_of(button(3, "OK"), by_ref=False) == 'button "OK"'


def test_state_is_shown_only_when_asked() -> None:
    parts = (textbox(1, "A", "hi"), textbox(2, "B"), checkbox(3, "C", True), button(4, "D", disabled=True))
    assert "hi" not in text_of(*parts)
    shown = text_of(*parts, element_state=True)
    assert shown.splitlines() == [
        '[1] textbox "A" = "hi"', '[2] textbox "B" empty', '[3] checkbox "C" ticked', '[4] button "D" disabled',
    ]  # fmt: skip


def test_options_of_a_list_are_always_shown() -> None:
    assert text_of(combobox(1, "Wood", ("Oak", "Ash"), "Oak")).endswith("options: Oak|Ash")


def test_controls_form_leaves_out_text() -> None:
    parts = (words("Hello"), button(1, "OK"))
    assert text_of(*parts) == 'text Hello\n[1] button "OK"'
    assert text_of(*parts, form="controls") == '[1] button "OK"'


def test_tree_form_indents_by_nesting() -> None:
    lines = text_of(words("Top"), button(1, "In", depth=2), button(2, "Out"), form="tree").splitlines()
    assert lines == ["text Top", '  [1] button "In"', '[2] button "Out"']


def test_a_long_page_says_that_it_is_cut() -> None:
    many = [button(n, f"Button number {n}") for n in range(1, 60)]
    cut = text_of(*many, max_chars=300)
    assert len(cut) < 400
    assert cut.endswith("the rest of the page is not shown")


def test_table_cells_share_a_line() -> None:
    row = [Element(role="text", name=n, cell=True) for n in ("Name", "Ann")]
    assert text_of(*row) == "text Name | Ann"


def test_a_name_cannot_break_out_of_its_quotes() -> None:
    assert text_of(button(1, 'a" b')) == '[1] button "a\' b"'


def test_a_typed_value_changes_the_fingerprint_and_not_the_layout() -> None:
    before, after = page(textbox(1, "A")), page(textbox(1, "A", "x"))
    assert before.fingerprint != after.fingerprint
    assert before.layout == after.layout


def test_focus_alone_changes_nothing() -> None:
    assert page(textbox(1, "A")).fingerprint == page(textbox(1, "A", focused=True)).fingerprint


def test_unanswered_fields_are_counted_once_a_question() -> None:
    view = page(
        textbox(1, "A"), textbox(2, "B", "x"), checkbox(3, "C"), checkbox(4, "D"),
        combobox(5, "E", ("x", "y"), "x"), combobox(6, "F", ("x", "y"), "y", touched=True), submit(7),
    )  # fmt: skip
    assert [e.label for e in unfilled(view.elements)] == ["A", "E", "C"]


def test_a_tick_list_with_one_mark_is_answered() -> None:
    assert unfilled(page(checkbox(1, "C"), checkbox(2, "D", True)).elements) == ()


def test_a_button_submits_only_the_fields_of_its_form() -> None:
    view = page(textbox(1, "Search", scope=7), textbox(2, "Name", scope=8), submit(3, scope=8))
    assert [e.label for e in unfilled_for(view.controls[2], view.elements)] == ["Name"]
