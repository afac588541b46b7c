"""What is kept of a page that is too long, and what kind of page it is."""

import pytest
from harness_pages import button, checkbox, page, submit, textbox, words
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.observation import Element, Observation
from harness.observe.page_type import page_type
from harness.observe.render import page_text
from harness.observe.summary import CHARS_A_TOKEN
from harness.settings.schema import ObservationSettings


def rows(count: int) -> list[Element]:
    return [
        button(n, f"Open message number {n} of the long list", rows=7, row=n, of=count) for n in range(1, count + 1)
    ]


def text_of(*elements: Element, goal: str = "", tokens: int = 100) -> str:
    settings = ObservationSettings(summary=True, max_tokens=tokens)
    return page_text(page(*elements).elements, settings, by_ref=True, goal=goal)


def test_a_page_within_the_budget_is_shown_whole() -> None:
    assert text_of(words("Hi"), button(1, "OK")) == 'text Hi\n[1] button "OK"'


def test_the_middle_of_a_list_is_left_out_and_said() -> None:
    told = text_of(words("Inbox"), *rows(40), button(99, "Compose"))
    assert "message number 1 " in told
    assert "message number 40 " in told
    assert "message number 20 " not in told
    assert '[99] button "Compose"' in told
    assert "more rows not shown" in told


def test_a_row_that_the_goal_speaks_of_is_kept() -> None:
    parts = rows(40)
    parts[19] = parts[19].model_copy(update={"name": "Invoice from Zanzibar"})
    assert "Zanzibar" in text_of(*parts, goal="Open the invoice from Zanzibar")


def test_dialogs_and_alerts_come_first() -> None:
    alert = words("Wrong password").model_copy(update={"within": "alert"})
    yes = button(500, "Yes, delete", within="dialog")
    told = text_of(*rows(60), words("lorem " * 60), alert, yes, tokens=100)
    assert "Wrong password" in told
    assert "Yes, delete" in told


def test_lines_keep_their_order() -> None:
    told = text_of(button(1, "A"), *rows(60), button(99, "B"), goal="press B")
    assert told.index('"A"') < told.index("more rows") < told.index('"B"')


@given(st.lists(st.text("abc def", min_size=1, max_size=90), max_size=80), st.integers(100, 400))
def test_the_budget_is_kept(names: list[str], tokens: int) -> None:
    parts = [button(n, name, rows=n % 3, row=n, of=80) for n, name in enumerate(names, start=1)]
    assert len(text_of(*parts, tokens=tokens)) <= tokens * CHARS_A_TOKEN


def test_without_the_setting_the_page_is_cut_as_ever() -> None:
    told = page_text(page(*rows(60)).elements, ObservationSettings(max_chars=300), by_ref=True, goal="number 60")
    assert told.endswith("... the rest of the page is not shown")


def heading(text: str) -> Element:
    return Element(role="heading", name=text)


PAGES: dict[str, tuple[Element, ...]] = {
    "empty": (),
    "error": (heading("404 Not Found"), words("There is nothing here."), button(1, "Home")),
    "login": (heading("Log in"), textbox(1, "E-mail"), textbox(2, "Password", kind="password"), submit(3, "Log in")),
    "dialog": (words("behind"), button(1, "Delete", within="dialog"), button(2, "Keep", within="dialog")),
    "confirmation": (heading("Thank you for your order"), words("It is on its way."), button(1, "Home")),
    "search_results": (heading("Search results"), *rows(3)),
    "form": (textbox(1, "Name"), textbox(2, "City"), submit(3)),
    "list": (words("Inbox"), *rows(9)),
    "detail": (heading("A mail"), words("Dear all"), button(1, "Reply")),
    "other": (button(1, "A"), button(2, "B")),
}


@pytest.mark.parametrize("kind", PAGES)
def test_each_kind_of_page_is_told_by_its_signs(kind: str) -> None:
    assert page_type(page(*PAGES[kind])) == kind


def test_a_query_in_the_address_makes_results_even_without_any() -> None:
    view: Observation = page(words("Nothing")).model_copy(update={"address": "http://x/find?q=tea"})
    assert page_type(view) == "search_results"


def test_a_search_box_alone_makes_no_form() -> None:
    assert page_type(page(textbox(1, "Search"), submit(2, "Search"), *rows(6))) == "list"


def test_a_list_of_ticks_with_a_sender_is_a_form() -> None:
    assert page_type(page(checkbox(1, "a"), checkbox(2, "b"), submit(3))) == "form"
