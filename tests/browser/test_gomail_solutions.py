"""The stand-in mail site against the SDK's unmodified graders: what a user would do passes, doing nothing fails."""

from collections.abc import Iterator

import pytest
from gomail_solutions import SOLUTIONS, UNSOLVABLE, begin, do, final_state, reward
from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    # The SDK's own modules warn when they are imported.
    pytest.mark.filterwarnings("default"),
]
SOLVED = [t for t in SOLUTIONS if t not in UNSOLVABLE]
# One that writes and one that deletes; the others take the same routes and run with the slow tests.
EVERYDAY = ("gomail-4", "gomail-26")


@pytest.fixture
def page(gomail_browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("DISABLE_RICH_LOGGING", "true")
    context = gomail_browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def solve(page: Page, gomail: str, task: str) -> float:
    begin(page, gomail, task)
    do(page, SOLUTIONS[task])
    return reward(task, final_state(page, gomail))


@pytest.mark.parametrize("task", EVERYDAY)
def test_a_scripted_solution_passes_the_grader_and_doing_nothing_fails(page: Page, gomail: str, task: str) -> None:
    begin(page, gomail, task)
    assert reward(task, final_state(page, gomail)) == 0.0
    assert solve(page, gomail, task) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("task", SOLVED)
def test_every_scripted_solution_passes_its_grader(page: Page, gomail: str, task: str) -> None:
    assert solve(page, gomail, task) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("task", SOLUTIONS)
def test_doing_nothing_fails_every_grader(page: Page, gomail: str, task: str) -> None:
    begin(page, gomail, task)
    assert reward(task, final_state(page, gomail)) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("task", UNSOLVABLE)
def test_the_grader_refuses_even_what_the_task_asks_for(page: Page, gomail: str, task: str) -> None:
    assert solve(page, gomail, task) == 0.0
    updated = final_state(page, gomail)["differences"]["emails"]["updated"]
    assert [(e["id"], e["snoozeUntil"]) for e in updated] == [(i, "2024-07-25") for i in ("23", "41", "44")]


def test_all_tasks_of_the_site_are_listed() -> None:
    from agisdk.REAL.browsergym.webclones.task_config import TASKS_BY_VERSION

    assert set(SOLUTIONS) == {t for t in TASKS_BY_VERSION["v2"] if t.startswith("gomail-")}
