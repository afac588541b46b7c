"""The fingerprint of a page at two visits, and of two pages that only look alike."""

import pytest
from harness_pages import button, page, textbox, words

from harness.observe.observation import Element, Observation
from harness.observe.volatile import address_without_volatile, page_fingerprint, site_of, without_volatile


def at(address: str, *elements: Element) -> Observation:
    return page(*elements).model_copy(update={"address": address})


HERE = "http://127.0.0.1:8000/mail"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Saved 3 minutes ago", "Saved an hour ago"),
        ("Inbox (3)", "Inbox (12)"),
        ("4 unread", "5 unread"),
        ("Last sync 10:32:05", "Last sync 10:33:41"),
        ("Order 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "Order 9b2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("at 2026-01-02T10:11:12Z", "at 2026-03-04 20:21:22"),
        ("ref 1712345678901", "ref 1719999999999"),
        ("key a1b2c3d4e5f6a7b8c9", "key ffb2c3d4e5f6a7b811"),
    ],
)
def test_what_changes_by_itself_is_left_out(one: str, other: str) -> None:
    assert page_fingerprint(at(HERE, words(one))) == page_fingerprint(at(HERE, words(other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Total $12.50", "Total $13.50"),
        ("Departs 10:30", "Departs 11:30"),
        ("5 May 2026", "6 May 2026"),
        ("Room 12", "Room 13"),
        ("Page not found", "Page found"),
    ],
)
def test_what_is_content_counts(one: str, other: str) -> None:
    assert page_fingerprint(at(HERE, words(one))) != page_fingerprint(at(HERE, words(other)))


def test_a_typed_value_counts_and_numbers_of_elements_do_not() -> None:
    assert page_fingerprint(page(textbox(1, "A"))) != page_fingerprint(page(textbox(1, "A", "x")))
    assert page_fingerprint(page(button(1, "A"))) == page_fingerprint(page(button(9, "A", focused=True)))


def test_the_goal_s_values_are_marked_where_they_stand() -> None:
    ann, bob = page(words("Hello Ann"), textbox(1, "A", "Ann")), page(words("Hello Bob"), textbox(1, "A", "Bob"))
    assert page_fingerprint(ann, ("Ann",)) == page_fingerprint(bob, ("Bob",))
    assert page_fingerprint(ann, ("Ann",)) != page_fingerprint(bob, ("Ann",))


def test_an_address_loses_what_belongs_to_one_visit() -> None:
    one = "https://x.org/mail/17?folder=in&sid=abc&utm_source=a#/read/4"
    other = "https://x.org/mail/99?utm_source=b&folder=in&sid=zzz#/read/5"
    assert address_without_volatile(one) == address_without_volatile(other)
    assert address_without_volatile(one) != address_without_volatile("https://x.org/mail/17?folder=out#/read/4")


def test_a_site_is_its_environment_host_and_path_family() -> None:
    assert site_of("miniwob", "http://127.0.0.1:4711/miniwob/a.html") == "miniwob|local|/miniwob/a.html"
    assert site_of("real", "https://x.org/mail/17") == site_of("real", "https://x.org/mail/18")
    assert site_of("real", "https://x.org/mail/17") != site_of("real", "https://y.org/mail/17")


def test_plain_words_stay_as_they_are() -> None:
    assert (
        without_volatile("Extraordinarily-long-compound-word of 2026") == "Extraordinarily-long-compound-word of 2026"
    )


def test_the_end_of_a_very_long_text_counts_as_it_is() -> None:
    long = "word " * 2000
    assert page_fingerprint(page(words(long + "a"))) != page_fingerprint(page(words(long + "b")))
    assert page_fingerprint(page(words(long + "a"))) == page_fingerprint(page(words(long + "a")))


@pytest.mark.parametrize("text", ["1234567890123456", "well-known-compound-words", "a_very_long_identifier_1"])
def test_a_long_word_is_no_token_unless_it_mixes_digits_and_letters(text: str) -> None:
    assert without_volatile(text) == text
