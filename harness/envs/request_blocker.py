"""Blocks the addresses of a site that the agent must not open, in its whole browser.

REAL Bench's sites show the graded state at `/finish` and start anew at `/config`. The requests are intercepted by the
browser itself, which covers links, scripts, frames, workers, popups, redirects and view-source: routing by page would
miss redirects and the first request of a popup. Only addresses that look like these two are intercepted.
"""

import contextlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Error, Page

# Both words, and the escapes of their letters: an ordinary address does not escape plain letters.
_WORDS = ("finish", "config")
_ESCAPES = sorted({f"{ord(c):02x}" for word in _WORDS for c in word + word.upper()})
_WORD_FORMS = [form for word in _WORDS for form in (word, word.title(), word.upper())]
_ESCAPE_FORMS = [f"%{form}" for code in _ESCAPES for form in {code, code.upper()}]
PATTERNS = tuple(f"*{part}*" for part in [*_WORD_FORMS, *_ESCAPE_FORMS])
_END = re.compile(r"[.\-]")


def is_blocked(url: str) -> bool:
    """Whether an address leads to the graded state or to a new start.

    `finish` is blocked as any part of the path, with any file ending or build hash, because an app that routes in the
    browser fetches that page's code and data under such names. `config` is blocked only as the page itself, because a
    site may use that name elsewhere.
    """
    parts = [unquote(part).lower() for part in urlsplit(url.replace("\\", "/")).path.split("/")]
    stems = [_END.split(part.strip())[0] for part in "/".join(parts).split("/") if part.strip()]
    if "finish" in stems:
        return True
    return bool(stems) and stems[-1] == "config" and (len(stems) == 1 or stems[:2] == ["_next", "data"])


class RequestBlocker:
    """Blocks the requests of one browser, except those of a page inside `allow`."""

    def __init__(self, browser: Browser) -> None:
        self._allowed: set[str] = set()
        self._session = browser.new_browser_cdp_session()
        self._session.on("Fetch.requestPaused", self._decide)
        self._session.send("Fetch.enable", {"patterns": [{"urlPattern": p} for p in PATTERNS]})

    @contextlib.contextmanager
    def allow(self, page: Page) -> Any:
        """Allow this page's own document, but none of its frames, until the `with` block ends."""
        session = page.context.new_cdp_session(page)
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        session.detach()
        self._allowed.add(frame)
        try:
            yield
        finally:
            self._allowed.discard(frame)

    def _decide(self, event: dict[str, Any]) -> None:
        request = {"requestId": event["requestId"]}
        with contextlib.suppress(Error):  # the page or the browser may have closed meanwhile
            if event.get("frameId") in self._allowed or not is_blocked(event["request"]["url"]):
                self._session.send("Fetch.continueRequest", request)
            elif event.get("resourceType") == "Document":
                # An empty answer: the agent's page stays where it is, as with a dead link.
                self._session.send("Fetch.fulfillRequest", {**request, "responseCode": 204})
            else:
                self._session.send("Fetch.failRequest", {**request, "errorReason": "BlockedByClient"})
