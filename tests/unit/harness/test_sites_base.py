"""The base carries another kind of site: its own pages, and differences as objects by id."""

import json
import urllib.request
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path

from starlette.responses import Response

from harness.sites.base.changes import Collection
from harness.sites.base.site import Page, Site
from harness.sites.base.visit import NotHere, Visit
from harness.sites.serve import Served


async def add(visit: Visit) -> Response:
    form = await visit.form()
    visit.state["events"][form.one("id")] = {"title": form.one("title")}
    return visit.redirect("/", notice="added")


async def start(visit: Visit) -> Response:
    if visit.query("fail"):
        raise NotHere("There is no such day.")
    return visit.page("start.html", title="Days")


def test_a_calendar_can_stand_on_the_base(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "start.html").write_text(
        '{% extends "page.html" %}{% block body %}{% include "messages.html" %}'
        "{{ owner }} has {{ count }}{% endblock %}",
        encoding="utf-8",
    )
    site = Site(
        name="calendar",
        title="Calendar",
        folder=tmp_path,
        seed=lambda: {"events": {"1": {"title": "old"}}},
        pages=(Page("/", start), Page("/add", add, ("POST",))),
        collections=(Collection("events", ("events",), as_list=False),),
        shared={"owner": "Sam"},
        frame=lambda state: {"count": len(state["events"])},
    )
    served = Served(site, 0)
    try:
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

        def ask(path: str, data: bytes | None = None) -> str:
            with opener.open(served.url + path, data, timeout=30) as reply:
                text: str = reply.read().decode()
                return text

        assert "Sam has 1" in ask("/config")
        assert '<p role="status" class="message">added</p>Sam has 2' in ask("add", b"id=2&title=new")
        found = json.loads(unescape(ask("/finish").split("<pre>")[1].split("</pre>")[0]))
    finally:
        served.stop()
    assert found["differences"] == {"events": {"added": {"2": {"title": "new"}}, "updated": {}, "deleted": {}}}
    assert found["initialfinaldiff"]["added"] == {"events": {"2": {"title": "new"}}}
