"""REAL Bench's own tasks and graders in a real Chromium, on a small site that speaks its protocol."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_runs import Endpoint, address, results, run_eval
from playwright.sync_api import Error, Page, Playwright, sync_playwright
from real_site import Shop

from harness.core.errors import AttemptError, Cause
from harness.envs.base import TaskState
from harness.envs.real import RealEnvironment
from harness.envs.static_server import StaticServer
from harness.observe.live_page import observe
from harness.record.results import Job

pytestmark = pytest.mark.browser
POT = Job(task_id="v2.omnizon-13", seed=0)
SECRET = "SECRET"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def environment(shop: Shop) -> Iterator[RealEnvironment]:
    made = RealEnvironment(shop.spec, finish_seconds=3)
    yield made
    made.close()


def opened(environment: RealEnvironment, playwright: Playwright) -> Page:
    page = environment.page(playwright, POT, headless=True)
    assert environment.start(page, POT) == "Omnizon: I need to cook for my friends party, order me a nice cooking pot"
    return page


def test_the_sdk_s_grader_tells_done_from_not_done(environment: RealEnvironment, playwright: Playwright) -> None:
    page = opened(environment, playwright)
    assert page.viewport_size == {"width": 1280, "height": 720}
    assert environment.state(page) == TaskState(over=False, score=None)
    assert environment.finish(page, "I did nothing") == TaskState(over=True, score=0.0)
    page = opened(environment, playwright)
    page.get_by_text("cooking pot").click()
    assert environment.state(page) == TaskState(over=False, score=None)
    assert environment.finish(page, None) == TaskState(over=True, score=1.0)


def test_nothing_of_one_attempt_is_left_for_the_next(
    environment: RealEnvironment, playwright: Playwright, shop: Shop
) -> None:
    page = opened(environment, playwright)
    page.evaluate("localStorage.setItem('a', 'b')")
    page.get_by_text("cooking pot").click()
    page = opened(environment, playwright)
    assert page.evaluate("localStorage.length") == 0
    assert shop.orders == {"s0": ["212"], "s1": []}
    assert environment.finish(page, None).score == 0.0


def test_attempts_at_the_same_time_do_not_see_each_other(playwright: Playwright, shop: Shop) -> None:
    one, other = RealEnvironment(shop.spec), RealEnvironment(shop.spec)
    try:
        first, second = opened(one, playwright), opened(other, playwright)
        first.get_by_text("cooking pot").click()
        second.get_by_text("wooden spoon").click()
        assert other.finish(second, None).score == 0.0
        assert one.finish(first, None).score == 1.0
    finally:
        one.close()
        other.close()


PEEKING = """<!doctype html><title>Shop</title><h1>Shop</h1>
<a id="l1" href="/finish">a</a> <a id="l2" href="/elsewhere">b</a>
<a id="l3" href="/%66inish">c</a> <a id="l4" href="/finish" target="_blank">d</a> <a id="l5" href="/elsewhere"
target="_blank">e</a>
<iframe src="/finish"></iframe><iframe src="/elsewhere"></iframe><object data="/finish"></object>
<div id="seen"></div><script>
const show = (text) => { document.getElementById("seen").append(text); };
const get = (url, how) => fetch(url, how).then((r) => r.text()).then(show, () => show("refused "));
const asked = new XMLHttpRequest();
asked.onload = () => show(asked.responseText);
asked.open("GET", "/finish"); asked.send();
const lines = "fetch(origin + '/finish').then((r) => r.text()).then(postMessage, () => postMessage('refused '))";
const worker = new Worker(URL.createObjectURL(new Blob([`const origin = "${location.origin}"; ${lines}`])));
const told = new Promise((done) => { worker.onmessage = (e) => { show(e.data); done(); }; });
window.ready = Promise.all([get("/finish"), get("/elsewhere"), get("/finish", {cache: "force-cache"}),
  get("/config?run_id=0"), told]);
</script>"""


def test_the_agent_never_sees_the_graded_state(
    environment: RealEnvironment, playwright: Playwright, shop: Shop
) -> None:
    shop.start_page = PEEKING
    page = opened(environment, playwright)
    asked_at_start = [path for path in shop.asked if "finish" in path or "config" in path]
    page.evaluate("window.ready")
    page.evaluate("window.open('/finish'); window.open('/elsewhere')")
    for number in range(1, 6):
        page.click(f"#l{number}")
    page.wait_for_timeout(300)
    assert page.url == shop.url
    assert SECRET not in str(observe(page, exclude=environment.exclude))
    assert page.inner_text("#seen").count("refused") == 5
    for url in ("finish", "view-source:" + shop.url + "finish", "elsewhere"):
        with pytest.raises(Error):
            page.goto(url if "source" in url else shop.url + url)
    assert shop.asked.count("/elsewhere") == 6
    for one in page.context.pages:
        for frame in one.frames:
            assert SECRET not in frame.content()
    assert [path for path in shop.asked if "finish" in path or "config" in path] == asked_at_start
    assert environment.finish(page, None).score == 0.0
    assert shop.asked.count("/finish") == 2


def test_a_page_on_this_machine_reaches_no_other_address(
    environment: RealEnvironment, playwright: Playwright, tmp_path: Path
) -> None:
    page = opened(environment, playwright)
    script = "(url) => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'blocked')"
    with StaticServer(tmp_path) as other:
        for url in (other.base + "/", "http://1.1.1.1/"):
            assert page.evaluate(script, url) == "blocked"
    assert page.evaluate(script, page.url) == "reached"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, "<pre>{}</pre>"), "/finish answered with status 500"),
        ((200, "<pre>{not json</pre>"), "/finish does not hold JSON"),
        ((200, "<p>no state here</p>"), "/finish showed no state within 3 s"),
        ((200, '<pre>{"error": "no such run"}</pre>'), "/finish holds JSON, but no state that can be graded"),
        ((200, '<pre>["a"]</pre>'), "/finish holds JSON, but no state that can be graded"),
    ],
)
def test_a_state_that_cannot_be_read_is_no_zero(
    environment: RealEnvironment, playwright: Playwright, shop: Shop, answer: tuple[int, str], words: str
) -> None:
    page = opened(environment, playwright)
    shop.on_finish = answer
    with pytest.raises(AttemptError, match=words) as caught:
        environment.finish(page, None)
    assert caught.value.cause is Cause.GRADING_FAILED


def test_a_slow_finish_is_waited_for_and_a_hanging_one_is_no_zero(
    environment: RealEnvironment, playwright: Playwright, shop: Shop
) -> None:
    page = opened(environment, playwright)
    shop.released.clear()
    # Longer than the second that the SDK itself would give it.
    threading.Timer(1.5, shop.released.set).start()
    assert environment.finish(page, None).score == 0.0
    shop.released.clear()
    with pytest.raises(AttemptError, match="/finish showed no state within 3 s") as caught:
        environment.finish(page, None)
    assert caught.value.cause is Cause.GRADING_FAILED


def test_a_site_that_is_down_is_no_zero(environment: RealEnvironment, playwright: Playwright, shop: Shop) -> None:
    page = opened(environment, playwright)
    shop.server_close()
    with pytest.raises(AttemptError, match=r"/finish could not be read: .*ERR_CONNECTION_REFUSED") as caught:
        environment.finish(page, None)
    assert caught.value.cause is Cause.GRADING_FAILED
    with pytest.raises(AttemptError, match=r"v2\.omnizon-13 did not start: .*ERR_CONNECTION_REFUSED") as caught:
        environment.page(playwright, POT, headless=True)
    assert caught.value.cause is Cause.ENVIRONMENT_ERROR


def test_rules_solve_a_real_task_beside_one_of_miniwob(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "run"
    tasks = "v2.omnizon-13,miniwob.click-test"
    done = run_eval(out, "--tasks", tasks, "--mode", "rules", "--sites", shop.spec, RUNID="a-leaderboard-run")
    assert done.returncode == 0, done.stderr
    found = results(out)
    assert {name: (r["outcome"], r["score"]) for name, r in found.items()} == {
        "v2.omnizon-13/0": ("success", 1.0),
        "click-test/0": ("success", 1.0),
    }
    assert not any("a-leaderboard-run" in path for path in shop.asked)
    for file in out.rglob("*.jsonl"):
        assert SECRET not in file.read_text(encoding="utf-8")
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_model_that_orders_the_wrong_thing_fails(endpoint: Endpoint, shop: Shop, tmp_path: Path) -> None:
    endpoint.replies = ['{"action": "click", "target": "3"}', '{"action": "done"}']
    out = tmp_path / "run"
    done = run_eval(out, "--tasks", "v2.omnizon-13", "--sites", shop.spec, **address(endpoint))
    assert done.returncode == 0, done.stderr
    result = results(out)["v2.omnizon-13/0"]
    assert (result["outcome"], result["score"], result["cause"], result["steps"]) == ("failure", 0.0, None, 2)
    assert shop.orders == {"s0": ["7"]}
