"""Somebody who visits a stand-in site over HTTP, for the tests of sites."""

import html
import json
import re
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit


class Visitor:
    """A browser without scripts: cookies, redirects and forms."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.jar = CookieJar()
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)]
        self._opener = urllib.request.build_opener(*handlers)
        self.status, self.page, self.at, self.headers = 0, "", "", {}

    def ask(self, path: str, fields: list[tuple[str, str]] | None = None) -> str:
        data = None if fields is None else urlencode(fields).encode()
        try:
            reply = self._opener.open(self.url + path, data, timeout=30)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            self.status, self.at, self.page = reply.status, urlsplit(reply.url).path, reply.read().decode()
            self.headers = dict(reply.headers)
        return self.page

    def said(self, role: str) -> str:
        found = re.search(rf'<p role="{role}"[^>]*>(.*?)</p>', self.page, re.DOTALL)
        return html.unescape(found.group(1)) if found else ""

    def finish(self) -> dict[str, Any]:
        found = re.fullmatch(r".*<pre>(.*)</pre>", self.ask("/finish"), re.DOTALL)
        assert found is not None, self.page
        data: dict[str, Any] = json.loads(html.unescape(found.group(1)))
        return data

    def send(self, **fields: str) -> str:
        form = re.search(r'name="form" value="(\w+)"', self.ask("/compose"))
        assert form is not None
        return self.ask("/compose", [("form", form.group(1)), ("do", "send"), *fields.items()])
