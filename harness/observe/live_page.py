"""Reads a live page into an Observation. The only module of this package that talks to a browser."""

from pathlib import Path
from typing import Any

from playwright.sync_api import ElementHandle, Error, Page, TimeoutError

from harness.observe.labels import with_labels
from harness.observe.observation import Element, Observation, fingerprint

_HERE = Path(__file__).parent
LISTEN_SCRIPT = (_HERE / "listen.js").read_text(encoding="utf-8")
_PAGE_SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8")
_SETTLE_SCRIPT = (_HERE / "settle.js").read_text(encoding="utf-8")
QUIET_MS = 40
MOST_MS = 800
# How many pages in a row may be left while they are being read, as a chain of redirects does.
NAVIGATIONS = 4
SCREENSHOT_MS = 5000


def _evaluate(page: Page, script: str, argument: Any) -> Any:
    """Run a script in the page. If the page navigates meanwhile, wait for the new page and run it there."""
    for _ in range(NAVIGATIONS):
        try:
            return page.evaluate(script, argument)
        except Error as error:
            if not any(words in str(error) for words in ("context was destroyed", "because of a navigation")):
                raise
            page.wait_for_load_state("domcontentloaded")
    return page.evaluate(script, argument)


def observe(page: Page, *, exclude: str) -> Observation:
    """The page as it is now. `exclude` selects elements to leave out, such as a benchmark's own display."""
    data = _evaluate(page, _PAGE_SCRIPT, exclude)
    if data.get("bare"):
        page.wait_for_load_state("domcontentloaded")
        data = _evaluate(page, _PAGE_SCRIPT, exclude)
    elements = with_labels(Element.model_validate(node) for node in data["nodes"])
    whole, layout = fingerprint(data["url"], elements, data["scrolls"])
    return Observation(
        url=data["url"],
        title=data["title"],
        elements=elements,
        scrollable=bool(data["scrolls"]),
        fingerprint=whole,
        layout=layout,
        address=page.url,
    )


def wait_until_quiet(page: Page, *, exclude: str) -> None:
    """Wait until the page is quiet (animations and scripts done), for at most MOST_MS milliseconds."""
    _evaluate(page, _SETTLE_SCRIPT, [QUIET_MS, MOST_MS, exclude])


def take_screenshot(page: Page) -> bytes | None:
    """A PNG of the viewport, or None where the page cannot be drawn in time."""
    try:
        return page.screenshot(timeout=SCREENSHOT_MS, animations="disabled", caret="initial")
    except TimeoutError:
        return None


def handle_of(page: Page, ref: int) -> ElementHandle | None:
    """The live element with this number, or None when it is no longer on the page."""
    script = """(ref) => { const t = window[Symbol.for("halo.table")]; const e = t && t.byId.get(ref);
                return e && e.isConnected ? e : null; }"""
    return page.evaluate_handle(script, ref).as_element()
