"""What the page reader calls a control is what Chromium's own accessibility tree calls it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from harness.envs.browser import launch
from harness.envs.miniwob import html_folder
from harness.envs.static_server import StaticServer
from harness.observe.live_page import LISTEN_SCRIPT, observe

pytestmark = pytest.mark.browser
INTERACTIVE = {
    "button", "link", "checkbox", "radio", "textbox", "searchbox", "combobox", "listbox", "tab", "menuitem", "switch",
    "slider", "spinbutton", "menuitemcheckbox", "menuitemradio", "treeitem",
}  # fmt: skip
# One word for what a person does the same with: the reader says textbox for every field that is typed into.
SAME = {"searchbox": "textbox", "spinbutton": "textbox", "Date": "textbox", "DisclosureTriangle": "button"}

LOGIN = """<h1>Sign in</h1><form><label for=u>User name</label><input id=u><label>Password <input type=password></label>
<label><input type=checkbox> Keep me signed in</label><button>Sign in</button></form><a href="/help">Forgot it?</a>"""
WIDGETS = """<div role=tablist><div role=tab tabindex=0 aria-selected=true>One</div>
<div role=tab tabindex=0>Two</div></div>
<button aria-label="Close"><svg width=9 height=9></svg></button><button disabled>Off</button>
<div role=switch aria-checked=false tabindex=0 aria-label="Dark mode">off</div>
<span role=button tabindex=0>Fake button</span>
<select aria-label="Wood"><option>Oak<option>Ash</select>
<label>Many <select multiple><option>a<option>b</select></label>
<input type=range aria-label="Volume"><input type=search placeholder="Search mail"><input type=number aria-labelledby=n>
<span id=n>Guests</span><textarea aria-label="Message"></textarea><input type=submit value="Send">
<input type=date aria-label=Day>
<ul role=menu><li role=menuitem tabindex=0>Copy</li></ul><a href="#x"><img alt="Logo" src="data:,"></a>
<div role=textbox contenteditable=true aria-label="Note">text</div>
<details><summary>More</summary><p>inside</p></details>
<button style="display:none">Hidden</button><a>no link</a>
<button aria-hidden=true style="visibility:hidden">Ghost</button>"""
MAIL = "<h2>Inbox</h2><nav><a href=/sent>Sent</a><button>Compose</button></nav><ul>" + "".join(
    f"<li><input type=checkbox aria-label='Select mail {n}'><a href=/mail/{n}>Subject {n}</a>"
    f"<button title='Delete mail {n}'>x</button></li>"
    for n in range(6)
) + "</ul><dialog open><p>Sure?</p><button>Yes</button><button>No</button></dialog>"  # fmt: skip


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Page, str]]:
    with StaticServer(html_folder()) as server, sync_playwright() as playwright:
        browser = launch(playwright, headless=True, addresses=[server.base.removeprefix("http://")])
        context = browser.new_context()
        context.add_init_script(LISTEN_SCRIPT)
        yield context.new_page(), server.base
        browser.close()


def same(role: str) -> str:
    return SAME.get(role, role)


def plain(name: str) -> str:
    return " ".join(name.split())


def by_chromium(page: Page) -> Counter[tuple[str, str]]:
    """(role, name) of everything that can be operated, from the accessibility tree."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found: Counter[tuple[str, str]] = Counter()
    parts: set[str] = set()  # the browser's own buttons and spinners inside a picker are one field
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        if role == "Date" or node["nodeId"] in parts:
            parts.update(node.get("childIds", []))
        if node.get("ignored") or node["nodeId"] in parts or not (role in INTERACTIVE or role in SAME):
            continue
        found[same(role), plain(node.get("name", {}).get("value", ""))] += 1
    return found


def by_reader(page: Page) -> Counter[tuple[str, str]]:
    """The same from the observation that the agent gets. What only listens for clicks has no role in the tree."""
    controls = observe(page, exclude="").controls
    return Counter((same(e.role), plain(e.name)) for e in controls if e.role != "clickable")


@pytest.mark.parametrize("html", [LOGIN, WIDGETS, MAIL], ids=["login", "widgets", "mail"])
def test_roles_and_names_are_those_of_the_accessibility_tree(opened: tuple[Page, str], html: str) -> None:
    page, _ = opened
    page.set_content(html)
    assert by_reader(page) == by_chromium(page)


@pytest.mark.parametrize(
    "task", ["click-dialog", "login-user", "click-checkboxes", "choose-list", "use-autocomplete", "form-sequence-2"]
)
def test_on_pages_of_a_benchmark_only_nameless_controls_are_named_otherwise(
    opened: tuple[Page, str], task: str
) -> None:
    page, base = opened
    page.goto(f"{base}/miniwob/{task}.html")
    page.wait_for_function("() => window.core && core.cover_div != null && WOB_TASK_READY")
    page.evaluate("() => { Math.seedrandom('3'); core.startEpisodeReal(); }")
    reader, chromium = by_reader(page), by_chromium(page)
    assert reader
    named = Counter({key: n for key, n in chromium.items() if key[1]})
    assert not named - reader, "named in the tree, and not read so"
    assert Counter(role for role, _ in reader.elements()) == Counter(role for role, _ in chromium.elements())
