"""Sites of several pages: navigation, messages of the page, pictures, and pages that are left while they are read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hierarchy_runs import Ran, Scripted, Served, act, run
from playwright.sync_api import Page, sync_playwright

from harness.envs.browser import launch
from harness.envs.static_server import StaticServer
from harness.observe.live_page import LISTEN_SCRIPT, observe, wait_until_quiet

pytestmark = pytest.mark.browser
NAVIGATION = {"navigation": True, "answer": True}
PAGES = {
    "picture.svg": '<svg xmlns="http://www.w3.org/2000/svg"><title>Sun</title><circle r="9"/></svg>',
    "index.html": '<title>Home</title><h1>Home</h1><a href="form.html">Form</a> <a href="hop.html">Hop</a>',
    "hop.html": '<title>Hop</title><script>location.replace("hop2.html")</script>',
    "hop2.html": '<title>Hop</title><script>setTimeout(() => location.replace("form.html"), 30)</script><p>Wait</p>',
    "form.html": """<title>Form</title><form onsubmit="event.preventDefault(); const wrong = code.value !== '7';
        if (wrong) { note.textContent = 'Invalid code'; } else { document.title = 'won'; }">
        <label for=code>Code</label><input id=code><button>Submit</button><p id=note role=alert></p></form>""",
    "moving.html": """<title>Moving</title><button onclick="document.title = 'lost'">Alpha</button>""",
    "compose.html": """<title>Mail</title><button onclick="box.hidden = false">Compose</button><div id=box hidden>
        <label>To <input id=to></label><label>Subject <input id=re></label>
        <label>Message <textarea id=text></textarea></label>
        <button onclick="document.title = to.value === 'bob@x.org' && re.value === 'Hi' ? 'won' : 'lost'">Send</button>
        </div>""",
    "mail.html": "<title>Mail</title><ul>" + "".join(f"<li><a href=#{n}>Mail {n}</a></li>" for n in range(6)) + "</ul>"
    "<div role=dialog><p>Sure?</p><button>Yes</button></div><p role=alert>Saved</p><div><a href=#x>Out</a></div>",
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Page]]:
    folder = tmp_path_factory.mktemp("site")
    for name, html in PAGES.items():
        (folder / name).write_text(html, encoding="utf-8")
    with StaticServer(folder) as server, sync_playwright() as playwright:
        browser = launch(playwright, headless=True, addresses=[server.base.removeprefix("http://")])
        context = browser.new_context()
        context.set_default_timeout(60_000)
        context.add_init_script(LISTEN_SCRIPT)
        yield server.base, context.new_page()
        browser.close()


def attempt(
    opened: tuple[str, Page],
    folder: Path,
    worker: Scripted,
    start: str = "index.html",
    goal: str = 'Send the code "7".',
    **groups: object,
) -> Ran:
    base, page = opened
    environment = Served(base, start, goal)
    return run(page, folder, environment, worker, task="site.x", **groups)  # type: ignore[arg-type]


def outcomes(ran: Ran) -> list[str]:
    return [s["output.value"] for s in ran.steps]


def test_goto_and_back_stay_on_the_site(opened: tuple[str, Page], tmp_path: Path) -> None:
    worker = Scripted(
        act("goto", text="form.html"), act("back"), act("goto", text="http://127.0.0.1:9/x"),
        act("goto", text="http://[x"), act("goto", text="javascript:1"),
        act("wait"), act("done", text="42"),
    )  # fmt: skip
    ran = attempt(opened, tmp_path, worker, actions=NAVIGATION, limits={"steps": 9})
    assert outcomes(ran) == [
        'goto "form.html": went to /form.html', "back: went back",
        'goto "http://127.0.0.1:9/x": that is not on this site', 'goto "http://[x": that is no address',
        'goto "javascript:1": that is not on this site',
        "wait: waited", 'done "42": finished',
    ]  # fmt: skip
    assert [s["halo.verifier.verdict"] for s in ran.steps[:2]] == ["navigated", "navigated"]


def test_back_never_leaves_the_site(opened: tuple[str, Page], tmp_path: Path) -> None:
    base, page = opened
    fresh = page.context.new_page()
    ran = attempt((base, fresh), tmp_path, Scripted(act("back"), act("done")), actions=NAVIGATION)
    assert "there is no page" in outcomes(ran)[0]
    assert fresh.url == f"{base}/index.html"
    fresh.close()


def test_a_page_that_is_left_while_it_is_read_is_waited_for(opened: tuple[str, Page], tmp_path: Path) -> None:
    ran = attempt(opened, tmp_path, Scripted(act("click", "Hop"), act("wait"), act("done")), actions=NAVIGATION)
    assert ran.steps[2]["halo.page.url"].endswith("/form.html")


def test_the_agent_is_told_what_the_page_complains_of(opened: tuple[str, Page], tmp_path: Path) -> None:
    worker = Scripted(
        act("fill", "Code", "9"), act("click", "Submit"), act("fill", "Code", "7"), act("click", "Submit")
    )
    ran = attempt(opened, tmp_path, worker, start="form.html")
    verdicts = [s["halo.verifier.verdict"] for s in ran.steps]
    assert verdicts == ["value_set", "error_shown", "value_set", "finished"]
    assert worker.turns[2].notes == ("the page says: Invalid code",)
    assert ran.won


def test_a_target_that_changed_while_the_model_thought_is_not_clicked(opened: tuple[str, Page], tmp_path: Path) -> None:
    _, page = opened

    class Slow(Scripted):
        """The page changes under the model."""

        def decide(self, turn, *, deadline):  # type: ignore[no-untyped-def]
            page.evaluate("() => document.querySelector('button').textContent = 'Omega'")
            return super().decide(turn, deadline=deadline)

    ran = attempt(opened, tmp_path, Slow(act("click", "Alpha"), act("done")), start="moving.html")
    assert outcomes(ran)[0] == "click \"Alpha\": 'Alpha' has become 'Omega'"
    assert page.title() == "Moving"
    blind = attempt(
        opened, tmp_path, Slow(act("click", "Alpha"), act("done")), start="moving.html", verifier={"before": False}
    )
    assert blind.ending.state.score == 0.0


def test_a_picture_of_every_step_is_kept_and_sent_only_when_asked_for(opened: tuple[str, Page], tmp_path: Path) -> None:
    replies = (act("click", "Form"), act("done"))
    for mode, kept, sent in (("off", 0, False), ("save", 2, False), ("send", 2, True)):
        worker = Scripted(*replies)
        ran = attempt(opened, tmp_path / mode, worker, observation={"screenshot": mode})
        pictures = sorted((tmp_path / mode).rglob("*.png"))
        assert len(pictures) == kept
        assert [t.screenshot is not None for t in worker.turns] == [sent, sent]
        paths = [s.get("halo.page.screenshot") for s in ran.steps]
        assert paths == ([f"artifacts/mode/attempt/step_{n:03d}.png" for n in range(2)] if kept else [None, None])
        assert all((tmp_path / mode / p).read_bytes().startswith(b"\x89PNG") for p in paths if p)


def test_rows_dialogs_and_messages_are_told_apart(opened: tuple[str, Page]) -> None:
    base, page = opened
    page.goto(f"{base}/mail.html")
    view = observe(page, exclude="")
    where = {e.name: (e.within, e.row, e.of) for e in view.elements}
    assert where["Mail 0"] == ("", 1, 6)
    assert where["Mail 5"] == ("", 6, 6)
    assert where["Sure?"] == where["Yes"] == ("dialog", 0, 0)
    assert where["Saved"] == ("alert", 0, 0)
    assert where["Out"] == ("", 0, 0)
    assert len({e.rows for e in view.elements if e.row}) == 1
    assert view.address == f"{base}/mail.html"


MESSAGE = 'Send an email to bob@x.org with the subject "Hi" and the message "Come".'


def test_a_macro_that_sends_is_looked_at_by_the_manager_first(opened: tuple[str, Page], tmp_path: Path) -> None:
    manager = Scripted(act("click", "Send"), name="manager")
    helpers = {"macros": True, "manager": True}
    ran = attempt(opened, tmp_path, Scripted("never"), "compose.html", MESSAGE, manager=manager, hierarchy=helpers)
    assert (ran.won, ran.by) == (True, ["macro"] * 5)
    assert [s.get("halo.manager.reason") for s in ran.steps] == [None] * 4 + ["high_stakes"]
    assert manager.turns[0].proposal == 'click "Send"'


def test_a_manager_that_objects_ends_the_macro(opened: tuple[str, Page], tmp_path: Path) -> None:
    manager = Scripted(act("done"), name="manager")
    helpers = {"macros": True, "manager": True}
    ran = attempt(opened, tmp_path, Scripted("never"), "compose.html", MESSAGE, manager=manager, hierarchy=helpers)
    assert (ran.won, ran.by) == (False, ["macro"] * 4 + ["manager"])
    assert ran.ending.reason == "done"


def test_a_cached_step_that_sends_is_looked_at_unless_the_settings_trust_it(
    opened: tuple[str, Page], tmp_path: Path
) -> None:
    replies = (
        act("click", "Compose"),
        act("fill", "To", "bob@x.org"),
        act("fill", "Subject", "Hi"),
        act("click", "Send"),
    )
    manager = Scripted(act("click", "Send"), name="manager")
    on = {"cache": True, "manager": True}
    for stakes, calls in (("all", 1), ("all", 1), ("model", 0)):
        ran = attempt(
            opened, tmp_path, Scripted(*replies), "compose.html", MESSAGE, manager=manager, hierarchy=on,
            escalation={"high_stakes": stakes},
        )  # fmt: skip
        assert (ran.won, ran.progress.manager_calls) == (True, calls)
    assert ran.by == ["cache"] * 4


def test_a_document_without_a_body_is_an_empty_page(opened: tuple[str, Page]) -> None:
    base, page = opened
    fresh = page.context.new_page()
    fresh.goto(f"{base}/picture.svg")
    wait_until_quiet(fresh, exclude="")
    assert observe(fresh, exclude="").elements == ()
    fresh.close()
