"""The decision hierarchy on real tasks in a real browser: who decides, what is learnt, and what is given up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hierarchy_runs import Ran, Scripted, act, run, settings_of
from playwright.sync_api import Page, sync_playwright

from harness.core.errors import UsageError
from harness.decide.cache.store import FILE
from harness.decide.helpers import helpers_for
from harness.decide.policy import PolicyInput, PolicyReply
from harness.decide.rules import RulesPolicy
from harness.envs.browser import launch
from harness.envs.miniwob import MiniWob
from harness.observe.live_page import LISTEN_SCRIPT

pytestmark = pytest.mark.browser
ON = {"cache": True}
TASKS = ("login-user", "enter-text", "click-option", "choose-list", "click-tab-2")


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[MiniWob, Page]]:
    environment = MiniWob()
    with sync_playwright() as playwright:
        browser = launch(playwright, headless=True, addresses=[environment.address])
        context = browser.new_context()
        context.set_default_timeout(60_000)
        context.add_init_script(LISTEN_SCRIPT)
        yield environment, context.new_page()
        browser.close()
    environment.close()


def attempt(opened: tuple[MiniWob, Page], folder: Path, name: str, worker: Any = RulesPolicy, **more: Any) -> Ran:
    environment, page = opened
    return run(page, folder, environment, worker, task=f"miniwob.{name}", **more)


def reasons(ran: Ran) -> list[str | None]:
    return [s.get("halo.manager.reason") for s in ran.steps]


def test_the_second_pass_has_cache_hits_fewer_calls_and_no_lower_success(
    opened: tuple[MiniWob, Page], tmp_path: Path
) -> None:
    passes = [
        [attempt(opened, tmp_path, name, seed=seed, hierarchy=ON) for name in TASKS for seed in (0, 1)]
        for _ in range(2)
    ]
    first, second = ([sum(getattr(r.progress, n) for r in p) for n in ("cache_hits", "worker_calls")] for p in passes)
    assert second[0] > first[0]
    assert second[1] < first[1]
    for before, after in zip(*passes, strict=True):
        assert after.won >= before.won
    assert all(r.progress.worker_calls == 0 for r in passes[1] if r.won)


def test_without_a_cache_no_attempt_knows_of_another(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    for _ in range(2):
        ran = attempt(opened, tmp_path, "login-user")
        assert ran.by == ["rules"] * 3
    assert not (tmp_path / "cache").exists()


def test_a_cached_login_types_the_names_of_another_seed(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    attempt(opened, tmp_path, "login-user", seed=0, hierarchy=ON)
    ran = attempt(opened, tmp_path, "login-user", seed=5, hierarchy=ON)
    assert ran.won
    assert ran.by == ["cache"] * 3


def poison(folder: Path, **changes: Any) -> None:
    """Keep the first entry of a cache, changed."""
    path = folder / "cache" / FILE
    event = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    event["entry"].update(changes)
    path.write_text(json.dumps(event) + "\n", encoding="utf-8")


def events(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / "cache" / FILE).read_text(encoding="utf-8").splitlines()]


def test_an_entry_whose_target_is_gone_leaves_the_step_to_the_worker(
    opened: tuple[MiniWob, Page], tmp_path: Path
) -> None:
    attempt(opened, tmp_path, "click-test-2", seed=0, hierarchy=ON)
    poison(tmp_path, name="NO SUCH", label="NO SUCH")
    ran = attempt(opened, tmp_path, "click-test-2", seed=0, hierarchy=ON)
    assert ran.won
    assert ran.by == ["rules"]


def test_an_entry_that_does_nothing_is_dropped_and_the_worker_takes_over(
    opened: tuple[MiniWob, Page], tmp_path: Path
) -> None:
    attempt(opened, tmp_path, "enter-text", seed=0, hierarchy=ON)
    # Clicking into the field changes nothing that counts.
    poison(tmp_path, action="click", text=None)
    ran = attempt(opened, tmp_path, "enter-text", seed=0, hierarchy=ON)
    assert (ran.by, ran.won) == (["cache", "rules", "rules"], True)
    # What the first page needs is not clear after two tries on it; the second page is.
    assert events(tmp_path) == ["proof", "drop", "proof"]
    assert attempt(opened, tmp_path, "enter-text", seed=0, hierarchy=ON).by == ["rules", "cache"]
    assert attempt(opened, tmp_path, "enter-text", seed=0, hierarchy=ON).by == ["cache", "cache"]


def test_an_entry_that_leads_a_task_astray_is_dropped(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    attempt(opened, tmp_path, "click-test-2", seed=0, hierarchy=ON)
    poison(tmp_path, name="TWO", label="TWO")
    astray = attempt(opened, tmp_path, "click-test-2", seed=0, hierarchy=ON)
    assert (astray.by, astray.won) == (["cache"], False)
    again = attempt(opened, tmp_path, "click-test-2", seed=0, hierarchy=ON)
    assert (again.by, again.won) == (["rules"], True)


def test_a_failed_attempt_teaches_nothing(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    lost = attempt(opened, tmp_path, "click-test-2", Scripted(act("click", "TWO")), hierarchy=ON)
    assert not lost.won
    assert attempt(opened, tmp_path, "click-test-2", hierarchy=ON).by == ["rules"]


def test_a_cache_that_breaks_during_an_attempt_does_not_cost_it(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    class Breaking(Scripted):
        """Puts a folder where the file of the cache should be."""

        def decide(self, turn: PolicyInput, *, deadline: float) -> PolicyReply:
            (tmp_path / "cache" / FILE).mkdir()
            return super().decide(turn, deadline=deadline)

    ran = attempt(opened, tmp_path, "click-test-2", Breaking(act("click", "ONE")), hierarchy=ON)
    assert ran.won
    assert "Is a directory" in str(ran.progress.cache_problem)


def test_a_cache_folder_that_cannot_be_is_said_before_the_first_attempt(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    settings = settings_of(hierarchy=ON)
    with pytest.raises(UsageError, match=r"the cache folder .* cannot be used"):
        helpers_for(settings, str(tmp_path), str(tmp_path / "file"), None, lambda: Scripted("x"))


MANAGED = {"manager": True}
WIN = act("click", "ONE")


def managed(opened: tuple[MiniWob, Page], folder: Path, worker: Scripted, manager: Scripted, **groups: Any) -> Ran:
    return attempt(opened, folder, "click-test-2", worker, manager=manager, hierarchy=MANAGED, **groups)


def test_an_ordinary_step_never_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    manager = Scripted(WIN)
    ran = managed(opened, tmp_path, Scripted(WIN), manager)
    assert ran.won
    assert manager.turns == []
    assert ran.steps[0]["halo.manager.called"] is False
    assert ran.progress.manager_calls == 0


def test_an_unusable_reply_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    manager = Scripted(WIN)
    ran = managed(opened, tmp_path, Scripted("I would click it."), manager)
    assert (ran.won, ran.by, reasons(ran)) == (True, ["manager"], ["unusable_reply"])
    assert (manager.turns[0].reason, manager.turns[0].proposal) == ("the last reply was no possible action", "")
    assert (ran.progress.worker_calls, ran.progress.manager_calls) == (1, 1)


def test_repeated_errors_call_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    worker = Scripted(act("press", text="Tab"), act("press", text="End"), act("press", text="Home"))
    ran = managed(opened, tmp_path, worker, Scripted(WIN))
    assert (ran.won, reasons(ran)) == (True, [None, None, "repeated_errors"])


def test_a_loop_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    worker = Scripted(act("press", text="Tab"))
    ran = managed(opened, tmp_path, worker, Scripted(WIN), escalation={"errors_in_a_row": 0})
    assert (ran.won, reasons(ran)) == (True, [None, None, "loop"])


def test_a_high_stakes_step_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    manager = Scripted(WIN)
    ran = managed(opened, tmp_path, Scripted(act("click", "TWO")), manager, escalation={"stakes_words": ["two"]})
    assert (ran.won, ran.by, reasons(ran)) == (True, ["manager"], ["high_stakes"])
    assert manager.turns[0].proposal == 'click "TWO"'


def test_a_final_answer_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = managed(opened, tmp_path, Scripted(act("done")), Scripted(WIN))
    assert (ran.won, reasons(ran)) == (True, ["final_answer"])


def test_low_confidence_calls_the_manager(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    worker = Scripted(act("click", "TWO", confidence="low"))
    ran = managed(opened, tmp_path, worker, Scripted(WIN), escalation={"low_confidence": True})
    assert (ran.won, reasons(ran)) == (True, ["low_confidence"])


def test_a_step_that_the_manager_confirms_stays_the_worker_s(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = managed(opened, tmp_path, Scripted(WIN), Scripted(WIN), escalation={"stakes_words": ["one"]})
    assert (ran.won, ran.by, reasons(ran)) == (True, ["worker"], ["high_stakes"])
    assert ran.steps[0]["halo.manager.called"] is True


def test_a_manager_without_a_usable_reply_leaves_the_step(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = managed(opened, tmp_path, Scripted(WIN), Scripted("no idea"), escalation={"stakes_words": ["one"]})
    assert (ran.won, ran.by, reasons(ran)) == (True, ["worker"], ["high_stakes"])


def test_the_manager_s_calls_are_bounded(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = managed(
        opened, tmp_path, Scripted("prose"), Scripted("prose"), escalation={"max_calls": 2}, limits={"steps": 4}
    )
    assert reasons(ran) == ["unusable_reply", "unusable_reply", None, None]


def test_a_macro_fills_and_sends_a_form_without_a_call(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = attempt(opened, tmp_path, "login-user", hierarchy={"macros": True})
    assert ran.won
    assert ran.by == ["macro"] * 3
    assert {s["halo.macro.name"] for s in ran.steps} == {"fill_form"}
    assert (ran.progress.macro_steps, ran.progress.worker_calls) == (3, 0)


def test_a_macro_picks_a_date_in_a_calendar(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    guards = {"loop": "block", "loop_after": 1}
    ran = attempt(opened, tmp_path, "choose-date", hierarchy={"macros": True}, guards=guards, limits={"steps": 20})
    assert (ran.won, ran.progress.worker_calls) == (True, 1)
    assert [s.get("halo.macro.name") for s in ran.steps] == ["pick_date"] * 4 + [None]


def test_a_macro_searches_and_opens_the_first_hit(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    # With this seed the goal asks for the first result.
    ran = attempt(opened, tmp_path, "search-engine", seed=4, hierarchy={"macros": True})
    assert ran.won
    assert [s["halo.macro.name"] for s in ran.steps] == ["search_and_open"] * 3


def test_a_macro_whose_step_did_not_work_is_given_up_for_the_worker(
    opened: tuple[MiniWob, Page], tmp_path: Path
) -> None:
    environment, page = opened

    class Stubborn(MiniWob):
        """The first field takes nothing, as a page with a defect does."""

        def start(self, page: Page, *rest: Any) -> str:
            goal = super().start(page, *rest)
            page.evaluate(
                "() => document.querySelector('#area input').addEventListener('input', (e) => e.target.value = '')"
            )
            return goal

    stubborn = Stubborn.__new__(Stubborn)
    stubborn.__dict__ = environment.__dict__
    ran = run(
        page,
        tmp_path,
        stubborn,
        RulesPolicy,
        task="miniwob.login-user",
        hierarchy={"macros": True},
        limits={"steps": 3},
    )
    assert ran.by == ["macro", "rules", "rules"]
    assert ran.steps[0]["halo.verifier.verdict"] in {"value_not_set", "no_effect"}
    assert not ran.won


def test_a_cache_hit_goes_before_a_macro_and_a_macro_before_the_worker(
    opened: tuple[MiniWob, Page], tmp_path: Path
) -> None:
    both = {"cache": True, "macros": True}
    assert attempt(opened, tmp_path, "login-user", seed=1, hierarchy=both).by == ["macro"] * 3
    assert attempt(opened, tmp_path, "login-user", seed=1, hierarchy=both).by == ["cache"] * 3


def test_every_step_says_where_it_was_and_who_decided(opened: tuple[MiniWob, Page], tmp_path: Path) -> None:
    ran = attempt(opened, tmp_path, "login-user", hierarchy=ON)
    for index, step in enumerate(ran.steps):
        assert step["halo.step.index"] == index
        assert step["halo.page.url"].endswith("/miniwob/login-user.html")
        assert step["halo.page.type"] == "login"
        assert len(step["halo.page.fingerprint"]) == 16
        assert step["halo.cache.hit"] is False
        assert step["halo.manager.called"] is False
    assert [s["halo.verifier.verdict"] for s in ran.steps] == ["value_set", "changed", "finished"]
