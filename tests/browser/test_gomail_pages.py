"""The stand-in mail site in a real browser: it needs no script, runs none, and half-written mail is not sent."""

from collections.abc import Iterator

import pytest
from gomail_solutions import SOLUTIONS, begin, do, final_state, letter
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
HOSTILE = "</textarea></title><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture
def page(gomail_browser: Browser) -> Iterator[Page]:
    context = gomail_browser.new_context()
    yield context.new_page()
    context.close()


def test_every_button_works_without_scripts(gomail_browser: Browser, gomail: str) -> None:
    context = gomail_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    begin(page, gomail, "gomail-26")
    do(page, SOLUTIONS["gomail-26"])
    assert page.get_by_role("status").inner_text() == "5 conversations moved to Trash"
    assert len(final_state(page, gomail)["differences"]["emails"]["updated"]) == 5
    context.close()


def test_two_browsers_at_once_have_a_mailbox_each(gomail_browser: Browser, page: Page, gomail: str) -> None:
    other = gomail_browser.new_context().new_page()
    begin(page, gomail, "gomail-4")
    begin(other, gomail, "gomail-4")
    do(page, letter("Carol", "from one", "x"))
    do(other, letter("Carol", "from the other", "x"))
    for one, subject in ((page, "from one"), (other, "from the other")):
        assert [m["subject"] for m in final_state(one, gomail)["differences"]["emails"]["added"]] == [subject]
    other.context.close()


def test_nothing_that_is_typed_runs(page: Page, gomail: str) -> None:
    begin(page, gomail, "gomail-4")
    do(page, letter("Carol", HOSTILE, HOSTILE))
    assert page.title() == "Sent - Gomail"
    do(page, [("click", "link", f"To: carol.adams@example.com: {HOSTILE}, Today")])
    assert page.title() == f"{HOSTILE} - Gomail"
    assert page.get_by_role("region", name="Message text").inner_text() == HOSTILE
    assert page.locator("script, img").count() == 0
    assert final_state(page, gomail)["differences"]["emails"]["added"][0]["content"] == HOSTILE


def test_enter_in_a_field_neither_sends_nor_archives(page: Page, gomail: str) -> None:
    begin(page, gomail, "gomail-4")
    page.get_by_role("checkbox", name="Select Lunch next week?", exact=True).check()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "Nothing was done. Press the button of what you want to do."
    do(page, [("click", "link", "Compose"), ("fill", "textbox", "To", "Carol")])
    page.keyboard.press("Enter")
    do(page, [("click", "link", "Sent")])
    assert page.get_by_role("list", name="Messages").get_by_role("link").count() == 2
    assert final_state(page, gomail)["differences"] == {"emails": {"added": [], "updated": [], "deleted": []}}


def test_a_mail_without_recipients_says_so_and_can_be_mended(page: Page, gomail: str) -> None:
    begin(page, gomail, "gomail-4")
    do(page, letter("", "Hello", "The text stays."))
    assert page.get_by_role("alert").inner_text() == "Add at least one recipient in To, Cc or Bcc."
    do(page, [("fill", "textbox", "To", "Carol"), ("click", "button", "Send")])
    assert page.get_by_role("status").inner_text() == "Message sent"
    assert final_state(page, gomail)["differences"]["emails"]["added"][0]["content"] == "The text stays."


def test_a_draft_is_kept_edited_and_sent(page: Page, gomail: str) -> None:
    begin(page, gomail, "gomail-4")
    do(page, [*letter("", "Later", "half of it")[:-1], ("click", "button", "Save draft")])
    assert page.get_by_role("heading", level=1).inner_text() == "Drafts"
    do(
        page,
        [
            ("click", "link", "Draft: Later, Today"),
            ("fill", "textbox", "To", "Brian"),
            ("fill", "textbox", "Message", "all of it"),
            ("click", "button", "Send"),
        ],
    )
    (sent,) = final_state(page, gomail)["differences"]["emails"]["added"]
    assert (sent["to"], sent["content"], sent["draft"]) == (["brian.king@example.com"], "all of it", False)


def test_stars_labels_and_the_way_back_from_trash(page: Page, gomail: str) -> None:
    begin(page, gomail, "gomail-4")
    do(
        page,
        [
            ("click", "button", "Star Quarterly budget draft"),
            ("click", "link", "John Doe: Quarterly budget draft, Jul 17, unread"),
            ("select", "combobox", "Label", "Travel"),
            ("click", "button", "Add label"),
        ],
    )
    assert page.get_by_role("heading", level=1).inner_text() == "Quarterly budget draft"
    do(
        page,
        [
            ("click", "button", "Delete"),
            ("click", "link", "Trash"),
            ("check", "checkbox", "Select Quarterly budget draft"),
            ("click", "button", "Move to Inbox"),
        ],
    )
    updated = final_state(page, gomail)["differences"]["emails"]["updated"]
    assert updated == [{"id": "1", "isRead": True, "labels": ["1"], "starred": True}]
