"""The stand-in sites over HTTP: the protocol, sessions, and what hostile input meets. Real servers, no browser."""

import http.client
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from site_visitor import Visitor

from harness.sites.serve import LocalSites


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalSites(["gomail"]) as sites:
        yield sites.url("gomail")


@pytest.fixture
def visitor(url: str) -> Visitor:
    one = Visitor(url)
    one.ask("//config?run_id=0&task_id=v2.gomail-1&latency=0")
    return one


def added(visitor: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = visitor.finish()["differences"]["emails"]["added"]
    return found


def test_config_leads_to_the_start_page_and_finish_shows_that_nothing_changed(visitor: Visitor) -> None:
    assert (visitor.status, visitor.at) == (200, "/")
    assert "<h1" in visitor.page
    assert visitor.finish() == {
        "initialfinaldiff": {"added": {}, "updated": {}, "deleted": {}},
        "differences": {"emails": {"added": [], "updated": [], "deleted": []}},
    }


def test_a_double_slash_is_one(visitor: Visitor) -> None:
    assert "<pre>" in visitor.ask("//finish")
    assert visitor.ask("//mail/sent").count("<h1") == 1


def test_config_starts_anew(visitor: Visitor) -> None:
    visitor.ask("/conversations", [("do", "trash"), ("id", "1")])
    assert visitor.finish()["differences"]["emails"]["updated"] == [{"id": "1", "trash": True}]
    visitor.ask("/config")
    assert visitor.finish()["differences"]["emails"]["updated"] == []


def test_two_visitors_at_once_never_see_each_other(visitor: Visitor, url: str) -> None:
    other = Visitor(url)
    other.ask("/config")
    visitor.ask("/conversations", [("do", "archive"), ("id", "46")])
    other.ask("/conversations", [("do", "star"), ("id", "46")])
    assert visitor.finish()["differences"]["emails"]["updated"] == [{"id": "46", "archived": True}]
    assert other.finish()["differences"]["emails"]["updated"] == [{"id": "46", "starred": True}]


def test_finish_without_a_session_is_no_measurement(url: str) -> None:
    stranger = Visitor(url)
    assert "<pre>" not in stranger.ask("/finish")
    assert stranger.status == 409
    assert "open /config first" in stranger.page


def test_who_comes_without_config_gets_a_session_of_their_own(url: str) -> None:
    stranger = Visitor(url)
    stranger.ask("/mail/starred")
    assert [cookie.name for cookie in stranger.jar] == ["gomail_session"]
    assert stranger.finish()["initialfinaldiff"]["updated"] == {}


HOSTILE = "</pre></textarea><script>document.title='hacked'</script>\"'{{ 7*7 }}<img src=x onerror=alert(1)>"


def test_what_is_typed_shows_escaped_everywhere(visitor: Visitor) -> None:
    visitor.send(to="bo@example.com", subject=HOSTILE, body=HOSTILE)
    visitor.ask("/labels", [("name", HOSTILE[:90])])
    sent = added(visitor)[0]
    assert (sent["subject"], sent["content"]) == (HOSTILE, HOSTILE)
    pages = [
        "/mail/sent", "/labels", f"/message/{sent['id']}", f"/compose?forward={sent['id']}", "/finish", "/label/3",
        f"/compose?reply={sent['id']}", "/message/" + urllib.request.quote(HOSTILE, safe=""),
        "/search?" + urlencode({"q": HOSTILE}), "/compose?" + urlencode({"to": HOSTILE}),
    ]  # fmt: skip
    for path in pages:
        page = visitor.ask(path)
        assert "<script" not in page, path
        assert "<img" not in page, path
        assert "&lt;script" in page or visitor.status == 404, path
        assert visitor.headers["content-security-policy"].startswith("default-src 'none'"), path


def test_any_writing_comes_back_as_it_was_typed(visitor: Visitor) -> None:
    text = "\nÄß 漢字 🙂 \u202eright\u202c\ttab\r\nnext line"
    visitor.send(to="José <jose@example.com>", subject="ünï 漢 🙂", body=text)
    sent = added(visitor)[0]
    assert sent["content"] == text.replace("\r\n", "\n")
    assert sent["subject"] == "ünï 漢 🙂"
    assert sent["to"] == ["jose@example.com"]


def test_a_long_message_is_sent_and_a_huge_one_is_refused_with_a_way_back(visitor: Visitor) -> None:
    visitor.send(to="bo@example.com", body="x" * 300_000)
    assert visitor.said("status") == "Message sent"
    assert len(added(visitor)[0]["content"]) == 300_000
    visitor.send(to="bo@example.com", body="x" * 20_000_000)
    assert visitor.status == 413
    assert "too long" in visitor.said("alert")
    assert '<a href="/">' in visitor.page
    assert len(added(visitor)) == 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"to": " , "}, "at least one recipient"),
        ({"to": "Nobody Anyone"}, "no contact has that name"),
        ({"to": "bo@example.com", "cc": "x y"}, "no contact has that name"),
        ({"to": "bo@example.com", "subject": "s" * 1001}, "1000 characters at most"),
    ],
)
def test_what_cannot_be_sent_says_so_and_keeps_what_was_written(
    visitor: Visitor, fields: dict[str, str], problem: str
) -> None:
    visitor.send(**fields, body="precious text")
    assert problem in visitor.said("alert")
    assert "precious text" in visitor.page
    assert added(visitor) == []


def test_a_form_that_is_sent_twice_counts_once(visitor: Visitor) -> None:
    fields = [("form", "f1"), ("do", "send"), ("to", "bo@example.com"), ("subject", "once")]
    visitor.ask("/compose", fields)
    assert visitor.at == "/mail/sent"
    visitor.ask("/compose", fields)
    assert visitor.said("status") == "That was done already."
    assert len(added(visitor)) == 1


def test_reloading_the_page_after_an_action_repeats_nothing(visitor: Visitor) -> None:
    visitor.ask("/conversations", [("do", "trash"), ("id", "1"), ("where", "/mail/inbox")])
    assert visitor.said("status") == "1 conversation moved to Trash"
    visitor.ask(visitor.at)
    assert visitor.said("status") == ""
    assert visitor.finish()["initialfinaldiff"]["updated"]["email"]["emails"] == {"1": {"trash": True}}


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/message/999",
        "/message/..%2f..",
        "/mail/attic",
        "/label/99",
        "/compose?reply=999",
        "/static/site/x",
    ],
)
def test_what_is_not_there_is_a_page_with_a_way_back(visitor: Visitor, path: str) -> None:
    visitor.ask(path)
    assert visitor.status == 404
    assert visitor.said("alert").startswith("There is no")
    assert '<a href="/">' in visitor.page


@pytest.mark.parametrize(
    ("fields", "alert"),
    [
        ([("do", "trash")], "Nothing is selected"),
        ([("do", "trash"), ("id", "999")], "Nothing is selected"),
        ([("do", "label"), ("id", "1")], "Choose a label"),
        ([("do", "label"), ("id", "1"), ("label", "77")], "Choose a label"),
    ],
)
def test_a_button_with_nothing_to_do_says_so(visitor: Visitor, fields: list[tuple[str, str]], alert: str) -> None:
    visitor.ask("/conversations", fields)
    assert alert in visitor.said("alert")
    assert visitor.finish()["initialfinaldiff"]["updated"] == {}


@pytest.mark.parametrize("fields", [[("do", "explode"), ("id", "1")], [("star", "999")]])
def test_a_form_that_no_page_has_changes_nothing(visitor: Visitor, fields: list[tuple[str, str]]) -> None:
    visitor.ask("/conversations", fields)
    assert visitor.status == 404
    assert visitor.finish()["initialfinaldiff"]["updated"] == {}


def test_a_form_leads_only_to_pages_of_the_site(visitor: Visitor) -> None:
    visitor.ask("/conversations", [("do", "read"), ("id", "1"), ("where", "https://evil.example/mail/inbox")])
    assert visitor.at == "/mail/inbox"
    visitor.ask("/conversations", [("do", "read"), ("id", "1"), ("where", "//evil.example/")])
    assert visitor.status == 200


def test_everything_on_every_page_can_be_deleted_at_once_but_for_what_was_unticked(visitor: Visitor) -> None:
    page = visitor.ask("/mail/inbox?select=all")
    assert "All 56 conversations in Inbox are selected" in page
    ticked = re.findall(r'name="id" value="(\d+)"[^>]* checked', page)
    assert len(ticked) == 25
    kept = ticked.pop()
    form = [("do", "trash"), ("scope", "all"), ("where", "/mail/inbox?select=all")]
    visitor.ask("/conversations", [*form, *(("id", key) for key in ticked)])
    assert visitor.said("status") == "55 conversations moved to Trash"
    visitor.ask("/conversations", [*form, ("id", kept)])
    assert "There are no messages here" in visitor.page


def test_another_host_name_is_refused(url: str) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    connection.request("GET", "/", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 400
    connection.close()
