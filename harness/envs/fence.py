"""Keeps some addresses of a site out of the agent's reach, in its whole browser. Never looks at what a page shows.

REAL's sites show the graded state at `/finish` and begin anew at `/config`. The fence stands at the browser's own
network interception, so that links, scripts, frames, workers, popups, redirects and view-source all meet it: page-level
routing would miss redirects and the first request of a popup. Only addresses that may be meant are stopped to be
looked at; every other request takes its usual way.
"""

import contextlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Error, Page

# The words, and the escapes of their letters: an ordinary address never escapes a plain letter.
_WORDS = ("finish", "config")
_ESCAPES = sorted({f"{ord(c):02x}" for word in _WORDS for c in word + word.upper()})
PATTERNS = tuple(
    f"*{said}*"
    for said in (
        *(form for word in _WORDS for form in (word, word.title(), word.upper())),
        *(f"%{form}" for code in _ESCAPES for form in {code, code.upper()}),
    )
)
_END = re.compile(r"[.\-]")


def is_blocked(url: str) -> bool:
    """Whether an address leads to the graded state or to a new beginning.

    `finish` counts as any part of the path, whatever file ending or build hash follows it, because an app that routes
    in the browser fetches that page's code and data under such names. `config` counts only as the page itself: a site
    may have a `config` of its own deeper down.
    """
    parts = [unquote(part).lower() for part in urlsplit(url.replace("\\", "/")).path.split("/")]
    stems = [_END.split(part.strip())[0] for part in "/".join(parts).split("/") if part.strip()]
    if "finish" in stems:
        return True
    return bool(stems) and stems[-1] == "config" and (len(stems) == 1 or stems[:2] == ["_next", "data"])


class RequestBlocker:
    """Stands around one browser. Only the page that `let` names passes it, and only while it does."""

    def __init__(self, browser: Browser) -> None:
        self._passing: set[str] = set()
        self._session = browser.new_browser_cdp_session()
        self._session.on("Fetch.requestPaused", self._decide)
        self._session.send("Fetch.enable", {"patterns": [{"urlPattern": p} for p in PATTERNS]})

    @contextlib.contextmanager
    def let(self, page: Page) -> Any:
        """Let this page's own document through, none of its frames, until the block ends."""
        session = page.context.new_cdp_session(page)
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        session.detach()
        self._passing.add(frame)
        try:
            yield
        finally:
            self._passing.discard(frame)

    def _decide(self, event: dict[str, Any]) -> None:
        request = {"requestId": event["requestId"]}
        with contextlib.suppress(Error):  # the page or the browser went away meanwhile
            if event.get("frameId") in self._passing or not is_blocked(event["request"]["url"]):
                self._session.send("Fetch.continueRequest", request)
            elif event.get("resourceType") == "Document":
                # Nothing to show: the agent's page stays where it is, as with a dead link.
                self._session.send("Fetch.fulfillRequest", {**request, "responseCode": 204})
            else:
                self._session.send("Fetch.failRequest", {**request, "errorReason": "BlockedByClient"})
