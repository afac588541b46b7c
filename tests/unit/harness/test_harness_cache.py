"""The action cache: what it learns from which attempts, for whom it holds, and what it survives."""

import json
import threading
from pathlib import Path

import pytest
from harness_pages import button, page, submit, textbox, words
from hypothesis import given
from hypothesis import strategies as st

from harness.act.actions import Action
from harness.decide.cache.attempt_cache import AttemptCache
from harness.decide.cache.store import FILE, ActionCache
from harness.decide.cache.template import concrete, mask_values, template_of
from harness.observe.observation import Observation

GOAL = 'Enter the username "ann" and the password "x1" and press login.'
OTHER = 'Enter the username "bob" and the password "y2" and press login.'


def memory(folder: Path, goal: str = GOAL, proofs: int = 2) -> AttemptCache:
    return AttemptCache(ActionCache(folder), environment="miniwob", goal=goal, proofs=proofs)


def login(user: str = "", secret: str = "") -> Observation:
    return page(textbox(1, "Username", user), textbox(2, "Password", secret), submit(3, "Login"))


def fill(ref: int, text: str) -> Action:
    return Action(name="fill", ref=ref, label="", text=text)


CLICK_LOGIN = Action(name="click", ref=3, label="Login")


def attempt(folder: Path, goal: str, user: str, secret: str, *, success: bool | None) -> None:
    """A log-in whose three steps work."""
    mind = memory(folder, goal)
    pages = [login(), login(user), login(user, secret)]
    actions = [fill(1, user), fill(2, secret), CLICK_LOGIN]
    for n, (seen, action) in enumerate(zip(pages, actions, strict=True)):
        after = pages[n + 1] if n < 2 else seen
        mind.record(seen, action, after, changed=True, over=n == 2, used=None)
    mind.close(success)


def offered(mind: AttemptCache, seen: Observation) -> tuple[str, str, str | None] | None:
    found = mind.offer(seen)
    return (found[0].name, found[0].label, found[0].text) if found else None


def test_a_goal_s_values_are_masked_by_kind() -> None:
    said = template_of('Send "hi" to Jane Doe at jane@x.org on 5 May 2026 at 10:30 for $12.50. Then wait.')
    assert said.text == "Send <quoted> to <name> at <email> on <date> at <time> for <number>. Then wait."
    assert said.values == ("hi", "Jane Doe", "jane@x.org", "5 May 2026", "10:30", "$12.50")
    assert template_of(GOAL).text == template_of(OTHER).text


@given(st.lists(st.text("abcdef ", min_size=2, max_size=8), min_size=1, max_size=4), st.text("abcdef xyz", max_size=30))
def test_words_written_with_values_come_back(values: list[str], text: str) -> None:
    assert concrete(mask_values(text, values, exact=True), values) == text


def test_an_action_of_a_successful_attempt_is_offered_on_the_same_page(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    assert offered(memory(tmp_path), login()) == ("fill", "Username", "ann")
    assert offered(memory(tmp_path), login("ann")) == ("fill", "Password", "x1")


def test_a_cached_fill_takes_the_value_of_another_goal(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    mind = memory(tmp_path, OTHER)
    assert offered(mind, login()) == ("fill", "Username", "bob")
    assert offered(mind, login("bob", "y2")) == ("click", "Login", None)


@pytest.mark.parametrize("success", [False, None])
def test_nothing_is_learnt_from_an_attempt_that_failed_or_was_no_measurement(
    tmp_path: Path, success: bool | None
) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=success)
    assert offered(memory(tmp_path), login()) is None
    assert not (tmp_path / FILE).exists()


def test_nothing_is_written_before_the_attempt_has_ended(tmp_path: Path) -> None:
    mind = memory(tmp_path)
    mind.record(login(), fill(1, "ann"), login("ann"), changed=True, over=False, used=None)
    assert not (tmp_path / FILE).exists()


def test_a_step_that_changed_nothing_proves_nothing(tmp_path: Path) -> None:
    mind = memory(tmp_path)
    mind.record(login(), Action(name="click", ref=1), login(), changed=False, over=False, used=None)
    mind.record(login(), CLICK_LOGIN, login(), changed=True, over=False, used=None)
    mind.close(True)
    assert offered(memory(tmp_path), login()) is None


def test_a_page_whose_looks_do_not_tell_the_next_action_is_not_cached(tmp_path: Path) -> None:
    view, ended = page(button(1, "ONE"), button(2, "TWO")), page(words("Thanks"))
    one, two = Action(name="click", ref=1), Action(name="click", ref=2)
    goal = "Click button ONE, then click button TWO."
    for first_changed in (False, True):
        mind = memory(tmp_path, goal)
        mind.record(view, one, ended if first_changed else view, changed=first_changed, over=False, used=None)
        mind.record(view, two, ended, changed=True, over=True, used=None)
        mind.close(True)
        assert offered(memory(tmp_path, goal), view) is None


def test_a_step_that_was_refused_leaves_the_page_clear(tmp_path: Path) -> None:
    mind = memory(tmp_path)
    mind.record(login(), CLICK_LOGIN, login(), changed=None, over=False, used=None)
    mind.record(login(), fill(1, "ann"), login("ann"), changed=True, over=False, used=None)
    mind.close(True)
    assert offered(memory(tmp_path), login()) == ("fill", "Username", "ann")


def test_another_site_page_or_goal_has_no_hit(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    elsewhere = login().model_copy(update={"url": "/other", "address": "http://127.0.0.1:1/other"})
    assert offered(memory(tmp_path), elsewhere) is None
    assert offered(memory(tmp_path), page(textbox(1, "Username"), submit(3, "Login"))) is None
    assert offered(memory(tmp_path, 'Delete the user "ann".'), login()) is None


def test_a_reference_number_is_never_relied_on(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    renumbered = page(textbox(71, "Username"), textbox(72, "Password"), submit(73, "Login"))
    found = memory(tmp_path).offer(renumbered)
    assert found is not None
    assert found[0].ref == 71


def test_a_literal_answer_does_not_leak_to_another_value_before_it_is_proven(tmp_path: Path) -> None:
    view = page(words("Who?"), button(1, "Red"), button(2, "Blue"))
    for n, (name, wanted) in enumerate((("Ann", 1), ("Bob", 1))):
        mind = memory(tmp_path, f"Pick what {name} likes.")
        assert offered(mind, view) is None, n
        mind.record(view, Action(name="click", ref=wanted), view, changed=True, over=True, used=None)
        mind.close(True)
    assert offered(memory(tmp_path, "Pick what Ann likes."), view) == ("click", "Red", None)
    assert offered(memory(tmp_path, "Pick what Cid likes."), view) == ("click", "Red", None)


def test_the_way_to_a_page_is_part_of_what_a_literal_answer_holds_for(tmp_path: Path) -> None:
    form = page(textbox(1, "Code"), textbox(2, "Note"))
    for read in ("Code: 77", "Code: 88"):
        mind = memory(tmp_path, "Enter the code from the first page.")
        first = page(words(read), button(1, "Next"))
        mind.record(first, Action(name="click", ref=1), form, changed=True, over=False, used=None)
        expected = None if read == "Code: 88" else offered(mind, form)
        assert expected is None
        assert offered(mind, form) is None
        text = read.split()[1]
        mind.record(form, fill(1, text), page(textbox(1, "Code", text)), changed=True, over=True, used=None)
        mind.close(True)


def test_values_that_are_alike_are_not_put_in_elsewhere(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL.replace("x1", "ann"), "ann", "ann", success=True)
    assert offered(memory(tmp_path, OTHER), login()) is None


def test_a_hit_that_did_nothing_is_dropped_at_once(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    mind = memory(tmp_path)
    found = mind.offer(login())
    assert found is not None
    mind.record(login(), found[0], login(), changed=False, over=False, used=found[1])
    assert mind.offer(login()) is None
    mind.close(None)
    assert offered(memory(tmp_path), login()) is None
    assert offered(memory(tmp_path), login("ann")) is not None


def test_a_hit_of_a_failed_attempt_is_dropped_unless_it_succeeded_more_often(tmp_path: Path) -> None:
    def use(success: bool) -> None:
        mind = memory(tmp_path)
        found = mind.offer(login())
        assert found is not None
        mind.record(login(), found[0], login("ann"), changed=True, over=False, used=found[1])
        mind.close(success)

    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    use(True)
    use(False)
    assert offered(memory(tmp_path), login()) is not None
    use(False)
    assert offered(memory(tmp_path), login()) is None


def test_hits_and_failures_are_counted_in_the_file(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    mind = memory(tmp_path)
    found = mind.offer(login())
    assert found is not None
    mind.record(login(), found[0], login("ann"), changed=True, over=False, used=found[1])
    mind.close(False)
    events = [json.loads(line)["event"] for line in (tmp_path / FILE).read_text(encoding="utf-8").splitlines()]
    assert events == ["proof", "proof", "proof", "hit", "fail"]


def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"v": 2}\nnot json\n\xff\xfe\n[1]\n' + lines[1] + lines[2][:40])
    assert offered(memory(tmp_path), login()) == ("fill", "Username", "ann")
    assert offered(memory(tmp_path), login("ann", "x1")) is None
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    assert offered(memory(tmp_path), login("ann", "x1")) == ("click", "Login", None)


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    def work() -> None:
        for _ in range(10):
            attempt(tmp_path, GOAL, "ann", "x1", success=True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / FILE).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 120
    assert all(json.loads(line)["event"] == "proof" for line in lines)


def test_what_another_process_learnt_is_seen_by_the_next_attempt(tmp_path: Path) -> None:
    book = ActionCache(tmp_path)
    first = AttemptCache(book, environment="miniwob", goal=GOAL, proofs=2)
    assert offered(first, login()) is None
    attempt(tmp_path, GOAL, "ann", "x1", success=True)
    assert offered(first, login()) is None
    second = AttemptCache(book, environment="miniwob", goal=GOAL, proofs=2)
    assert offered(second, login()) == ("fill", "Username", "ann")
