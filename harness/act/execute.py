"""Performs one checked action on a live page with a real mouse and keyboard."""

from datetime import datetime
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import ElementHandle, Error, Page

from harness.act.actions import NEEDS_TARGET, Action, key_of, option_of
from harness.observe.live_page import handle_of
from harness.observe.observation import Element

ACT_MS = 1500
LOAD_MS = 10_000
WAIT_MS = 1000
# How people write dates and times. Month first where it is not clear, as the browser's own field shows it.
PICKER_FORMS = {
    "date": ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y"),
    "time": ("%H:%M", "%I:%M %p", "%I:%M%p", "%I %p", "%H:%M:%S"),
}
TYPED_KINDS = frozenset({"text", "search", "email", "password", "tel", "url", "number", ""})


class ExecutionProblem(Exception):
    """The action could not be performed on the page; `str()` is the reason, for the agent."""


def _why(error: Error) -> str:
    text = str(error)
    if "intercepts pointer events" in text:
        return "another element covers it"
    if "not visible" in text or "outside of the viewport" in text:
        return "it is not visible"
    if "not enabled" in text:
        return "it is disabled"
    if "Timeout" in text:
        return "the page did not react in time"
    return " ".join(text.split())[:120]


def browser_died(error: Error) -> bool:
    """Whether an error means that the browser or page has died, rather than that an action failed."""
    text = str(error)
    return any(sign in text for sign in ("has been closed", "crashed", "Connection closed", "Browser closed"))


def picker_value(kind: str, text: str) -> str | None:
    """The value for a date or time field, in ISO form, from how people write it; None when `text` is neither."""
    plain = " ".join(text.upper().split())
    for form in PICKER_FORMS.get(kind, ()):
        try:
            moment = datetime.strptime(plain, form)
        except ValueError:
            continue
        return moment.strftime("%Y-%m-%d" if kind == "date" else "%H:%M")
    return None if kind in PICKER_FORMS and plain else text


def _fill(page: Page, handle: ElementHandle, element: Element, text: str) -> str:
    """Type key by key, so that pages that listen to keys receive them; picker fields get their value at once."""
    if element.kind not in TYPED_KINDS:
        value = picker_value(element.kind, text)
        if value is None:
            raise ExecutionProblem(f"a {element.kind} field cannot take '{text[:40]}'")
        handle.fill(value, timeout=ACT_MS)
        return f'typed "{text}"'
    handle.click(timeout=ACT_MS)
    page.keyboard.press("ControlOrMeta+A")
    if text:
        page.keyboard.type(text)
    else:
        page.keyboard.press("Delete")
    return f'typed "{text}"'


def _select(handle: ElementHandle, element: Element, text: str) -> str:
    """Choose an option; in a list that takes several, the ones chosen before stay."""
    option = option_of(element, text) or text
    chosen = [option]
    if element.role == "listbox":
        chosen = handle.evaluate("(e) => Array.from(e.selectedOptions).map((o) => o.label || o.text)") + chosen
    handle.select_option(label=chosen, timeout=ACT_MS)
    return f'chose "{option}"'


def _scroll(page: Page, handle: ElementHandle | None, direction: str) -> str:
    """Move the nearest thing that scrolls by most of its height."""
    script = """([start, sign]) => {
      const can = (e) => e && e.scrollHeight > e.clientHeight + 4 &&
        (e === document.scrollingElement || /auto|scroll/.test(getComputedStyle(e).overflowY));
      let at = start;
      while (at && !can(at)) at = at.parentElement;
      if (!at && can(document.scrollingElement)) at = document.scrollingElement;
      if (!at) at = Array.from(document.querySelectorAll("*")).find(can);
      if (!at) return false;
      const before = at.scrollTop;
      at.scrollBy({top: sign * Math.max(40, at.clientHeight * 0.9), behavior: "instant"});
      return at.scrollTop !== before;
    }"""
    moved = page.evaluate(script, [handle, -1 if direction == "up" else 1])
    return f"scrolled {direction}" if moved else "nothing moved"


def same_site(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc) and a.scheme in {"http", "https"}


def _go_back(page: Page) -> str:
    """One page back. Leaving the site is a problem: the page before the first is not part of the task."""
    here = page.url
    page.go_back(timeout=LOAD_MS, wait_until="domcontentloaded")
    if page.url == here:
        raise ExecutionProblem("there is no page to go back to")
    if not same_site(page.url, here):
        page.goto(here, timeout=LOAD_MS, wait_until="domcontentloaded")
        raise ExecutionProblem("there is no page of this site to go back to")
    return "went back"


def _goto(page: Page, text: str) -> str:
    try:
        address = urljoin(page.url, text.strip())
        here = same_site(address, page.url)
    except ValueError:
        raise ExecutionProblem("that is no address") from None
    if not here:
        raise ExecutionProblem("that is not on this site")
    page.goto(address, timeout=LOAD_MS, wait_until="domcontentloaded")
    return f"went to {urlsplit(address).path}"


def _navigate(page: Page, name: str, text: str) -> str:
    if name == "back":
        return _go_back(page)
    if name == "goto":
        return _goto(page, text)
    page.wait_for_timeout(WAIT_MS)
    return "waited"


def perform(page: Page, action: Action, element: Element | None) -> str:
    """Perform the action and return what was done. Raises ExecutionProblem, or Error when the browser has died."""
    try:
        handle = handle_of(page, element.ref) if element is not None and element.ref is not None else None
        if element is not None and handle is None:
            raise ExecutionProblem("it is no longer on the page")
        return _do(page, action, element, handle)
    except Error as error:
        if browser_died(error):
            raise
        raise ExecutionProblem(_why(error)) from None


def _do(page: Page, action: Action, element: Element | None, handle: ElementHandle | None) -> str:
    text = action.text or ""
    if action.name not in NEEDS_TARGET:
        return _untargeted(page, action.name, text, handle)
    if handle is None or element is None:
        raise ExecutionProblem("there is nothing to aim at")
    if action.name == "fill":
        return _fill(page, handle, element, text)
    if action.name == "select":
        return _select(handle, element, text)
    handle.click(timeout=ACT_MS)
    return "clicked"


def _untargeted(page: Page, name: str, text: str, handle: ElementHandle | None) -> str:
    """The actions that need no target; a key and a scroll may have one."""
    if name == "done":
        return "finished"
    if name == "press":
        if handle is not None:
            handle.focus()
        page.keyboard.press(key_of(text) or text)
        return f"pressed {text}"
    if name == "scroll":
        return _scroll(page, handle, (text or "down").strip().lower())
    return _navigate(page, name, text)
