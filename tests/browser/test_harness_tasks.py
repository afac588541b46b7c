"""The task table against the real pages: a usable task loads, has a goal and shows something to act on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from harness.envs.miniwob import MiniWob, html_folder, tasks
from harness.envs.static_server import StaticServer
from harness.observe.live_page import observe, wait_until_quiet
from harness.record.results import Job

pytestmark = pytest.mark.browser
USABLE = [t.id for t in tasks() if t.usable]
# A quick look at one task of each family; the whole table is looked at where time allows.
ONE_EACH = list({t.family: t.id for t in tasks() if t.usable}.values())


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[MiniWob, Page]]:
    environment = MiniWob()
    with sync_playwright() as playwright:
        yield environment, environment.page(playwright, Job(task_id="miniwob.click-test", seed=0), headless=True)
        environment.close()


def looks_right(environment: MiniWob, page: Page, task_id: str, seed: int) -> None:
    goal = environment.start(page, Job(task_id=task_id, seed=seed))
    wait_until_quiet(page, exclude=environment.exclude)
    view = observe(page, exclude=environment.exclude)
    assert len(goal) > 8, task_id
    assert view.controls, task_id
    assert len({e.label.lower() for e in view.controls}) == len(view.controls), task_id
    state = environment.state(page)
    assert (state.over, state.score) == (False, None), task_id
    again = observe(page, exclude=environment.exclude)
    assert [(e.ref, e.label) for e in again.controls] == [(e.ref, e.label) for e in view.controls], task_id


def test_every_page_of_the_package_is_in_the_table() -> None:
    on_disk = {f"miniwob.{p.stem}" for p in (html_folder() / "miniwob").glob("*.html")}
    assert on_disk == {t.id for t in tasks()}


def test_a_task_of_each_family_can_be_observed(opened: tuple[MiniWob, Page]) -> None:
    for task_id in ONE_EACH:
        looks_right(*opened, task_id, seed=3)


@pytest.mark.slow
def test_every_usable_task_can_be_observed(opened: tuple[MiniWob, Page]) -> None:
    for task_id in USABLE:
        for seed in (0, 1):
            looks_right(*opened, task_id, seed)


def test_the_same_seed_gives_the_same_page(opened: tuple[MiniWob, Page]) -> None:
    environment, page = opened
    views = []
    for seed in (5, 5, 6):
        goal = environment.start(page, Job(task_id="miniwob.login-user", seed=seed))
        views.append((goal, observe(page, exclude=environment.exclude).fingerprint))
    assert views[0] == views[1]
    assert views[0][0] != views[2][0]


def test_observing_leaves_the_document_as_it_is(opened: tuple[MiniWob, Page]) -> None:
    environment, page = opened
    environment.start(page, Job(task_id="miniwob.click-checkboxes", seed=1))
    before = page.evaluate("document.body.outerHTML")
    observe(page, exclude=environment.exclude)
    wait_until_quiet(page, exclude=environment.exclude)
    assert page.evaluate("document.body.outerHTML.replace(/timer-countdown[^/]*/, '')") == page.evaluate(
        "(html) => html.replace(/timer-countdown[^/]*/, '')", before
    )


def test_a_page_reaches_no_other_address(opened: tuple[MiniWob, Page]) -> None:
    environment, page = opened
    environment.start(page, Job(task_id="miniwob.click-test", seed=0))
    script = (
        "(urls) => Promise.all(urls.map((u) => fetch(u, {mode: 'no-cors'}).then(() => 'reached', () => 'blocked')))"
    )
    with StaticServer(html_folder()) as other:
        port = other.base.rsplit(":", 1)[1]
        urls = ["http://example.com/", "http://1.1.1.1/", other.base + "/", f"http://localhost:{port}/"]
        assert page.evaluate(script, urls) == ["blocked"] * 4
    assert page.evaluate(script, [f"http://{environment.address}/"]) == ["reached"]
