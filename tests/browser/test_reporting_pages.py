"""The report pages in a real Chromium: nothing of a trace runs, nothing is fetched, and they fit a phone."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Request, sync_playwright

sys.path.append(str(Path(__file__).parents[1] / "unit" / "reporting"))

from loop_samples import empty_diff, empty_loop, loop_summary
from reporting_payloads import (
    PAYLOADS,
    poisoned_loop,
    poisoned_report,
    poisoned_traces,
)
from reporting_samples import TRACE_A, empty_report, finding, report, traces

from halo_opt.reporting.diff_files import diff_html
from halo_opt.reporting.html import report_html
from halo_opt.reporting.loop_report import loop_html

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("HALO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Visit:
    """A window of one width, with all that went wrong in the pages shown in it."""

    def __init__(self, browser: Browser, *, width: int = 390, scheme: Literal["light", "dark"] = "light") -> None:
        self.wrong: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        self.page.on("dialog", self._dialog)
        self.page.on("console", lambda message: self.wrong.append(f"console {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error {error}"))
        self.page.on("popup", lambda page: self.wrong.append(f"popup {page.url}"))
        self.page.on("request", self._request)
        self._address = ""

    def show(self, text: str, folder: Path) -> None:
        """Open a page from a file, as a user does."""
        file = folder / "page.html"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        self._address = file.as_uri()
        self.page.goto(self._address)

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if request.url.split("#", 1)[0] != self._address:
            self.wrong.append(f"request {request.url}")

    def open_all(self) -> None:
        """Unfold everything and move over everything, as a reader would and as handlers wait for."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        self.page.mouse.move(40, 200)
        self.page.mouse.wheel(0, 2000)
        self.page.keyboard.press("Tab")

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        found = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert isinstance(found, int)
        return found


LONG = "a-very-long-word-without-any-break-" * 12
PAGES = {
    "analysis": lambda: report_html(report(), traces=traces()),
    "analysis_empty": lambda: report_html(empty_report()),
    "analysis_long": lambda: report_html(
        report(title=LONG, findings=[finding(LONG, LONG, 0.4, behaviour=LONG)], caveats=[LONG])
    ),
    "loop": lambda: loop_html(loop_summary(), reports={1: "iter-01/report.html"}),
    "loop_empty": lambda: loop_html(empty_loop(), reports={}),
    "loop_long": lambda: loop_html(poisoned_loop(LONG), reports={}),
    "diff": lambda: diff_html(loop_summary().iterations[1].candidates[0].verdict.diff or empty_diff()),
    "diff_empty": lambda: diff_html(empty_diff()),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_with_everything_unfolded_and_has_nothing_to_complain_of(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    visit = Visit(browser)
    visit.show(PAGES[name](), tmp_path)
    for width in (320, 390, 1100):
        visit.page.set_viewport_size({"width": width, "height": 844})
        assert visit.overflow <= 0
        visit.open_all()
        assert visit.overflow <= 0
    assert visit.wrong == []
    visit.page.close()


# Each payload alone in every field is checked by the parser's test; here all of them at once, in both orders (so that
# one that opens something cannot hide the next), and each field with a few different ones.
MIXTURES = [["".join(PAYLOADS)], ["".join(reversed(PAYLOADS))], PAYLOADS, PAYLOADS[7:] + PAYLOADS[:7], PAYLOADS[::-1]]


@pytest.mark.parametrize("payloads", MIXTURES, ids=["joined", "joined_backwards", "in_turn", "shifted", "backwards"])
def test_no_payload_runs_fetches_or_breaks_out(browser: Browser, tmp_path: Path, payloads: list[str]) -> None:
    summary = poisoned_loop(*payloads)
    visit = Visit(browser)
    for text in (
        report_html(poisoned_report(*payloads), traces=poisoned_traces(*payloads)),
        loop_html(summary, reports=dict(enumerate(payloads))),
        diff_html(summary.iterations[1].candidates[0].verdict.diff or empty_diff()),
    ):
        visit.show(text, tmp_path)
        visit.open_all()
        assert visit.wrong == []
        assert visit.overflow <= 0
        assert visit.page.locator("script, img, iframe, object, embed, form, base, link, animate").count() == 0
        assert visit.page.locator("[onload], [onerror], [onfocus], [onmouseover], [ontoggle]").count() == 0
    visit.page.close()


def test_the_policy_stops_a_script_and_a_request_even_if_one_were_in_the_page(browser: Browser, tmp_path: Path) -> None:
    planted = "<script>document.title='ran'</script><img src=http://198.51.100.7/x onerror=\"document.title='ran'\">"
    visit = Visit(browser)
    failed: list[str | None] = []
    visit.page.on("requestfailed", lambda request: failed.append(request.failure))
    visit.show(report_html(report()).replace("</main>", planted + "</main>"), tmp_path)
    assert visit.page.title() == "Why 108 MiniWoB++ attempts failed"
    assert failed == ["csp"]
    assert [wrong for wrong in visit.wrong if "Content Security Policy" in wrong]
    visit.page.close()


def test_an_exemplars_link_leads_to_its_step(browser: Browser, tmp_path: Path) -> None:
    visit = Visit(browser)
    visit.show(report_html(report(), traces=traces()), tmp_path)
    visit.page.get_by_role("link", name="miniwob.login-user, seed 3, step 4").first.click()
    step = visit.page.locator(f"#trace-{TRACE_A}-step-4")
    assert step.is_visible()
    assert "no element has the number 7" in step.inner_text()
    assert 0 <= step.evaluate("e => e.getBoundingClientRect().top") < 844
    visit.page.close()


def test_a_number_opens_to_its_sql_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    visit = Visit(browser)
    visit.show(report_html(report()), tmp_path)
    row = visit.page.locator("#finding-F1 .numbers > details").nth(3)
    assert not row.locator("pre").is_visible()
    row.locator("summary").focus()
    visit.page.keyboard.press("Enter")
    assert row.locator("pre").inner_text() == "SELECT count(*) FROM attempts WHERE outcome = 'failure'"
    visit.page.close()


CONTRAST = """() => {
  const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => { x /= 255;
    return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4 });
    return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)|transparent/.test(c)) return c } return 'rgb(255,255,255)' };
  const low = [];
  for (const e of document.querySelectorAll('body *:not(svg *)')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [lum(getComputedStyle(e).color), lum(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push(e.className + ' ' + e.textContent.slice(0, 30));
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["analysis", "loop", "diff"])
def test_all_text_has_the_contrast_that_accessibility_asks_for(
    browser: Browser, tmp_path: Path, name: str, scheme: Literal["light", "dark"]
) -> None:
    visit = Visit(browser, scheme=scheme, width=1100)
    visit.show(PAGES[name](), tmp_path)
    visit.open_all()
    assert visit.page.evaluate(CONTRAST) == []
    visit.page.close()
