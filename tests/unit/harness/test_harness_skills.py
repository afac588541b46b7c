"""Macro skills: when they begin, what they do next, and when they are given up."""

from datetime import date

import pytest
from harness_pages import button, combobox, page, submit, textbox, words

from harness.act.actions import Action
from harness.decide.skills.fill_form import FillForm
from harness.decide.skills.goal import the_date, value_for
from harness.decide.skills.message import SendMessage
from harness.decide.skills.pick_date import PickDate
from harness.decide.skills.routine import MacroStep, Routine
from harness.decide.skills.runner import MacroRunner
from harness.decide.skills.search import SearchAndOpen
from harness.observe.observation import Element, Observation


def said(step: MacroStep | None) -> str | None:
    return step.action.describe() if step else None


def play(routine: Routine, goal: str, *pages: Observation) -> list[str | None]:
    """What the routine does on one page after another."""
    made: list[MacroStep] = []
    out: list[str | None] = []
    for view in pages:
        step = routine.next(goal, view, made) if made else routine.first(goal, view)
        out.append(said(step))
        if step is None:
            break
        made.append(step)
    return out


LOGIN = 'Enter the username "ann" and the password "x1" and press login.'


def login(user: str = "", secret: str = "") -> Observation:
    return page(textbox(1, "Username", user), textbox(2, "Password", secret, kind="password"), submit(3, "Login"))


@pytest.mark.parametrize(
    ("goal", "name", "value"),
    [
        (LOGIN, "Username", "ann"),
        (LOGIN, "Password", "x1"),
        (LOGIN, "E-mail", "ann"),
        ('Put "kd7" as the code and "Ana" as the guest.', "Guest", "Ana"),
        ('Put "kd7" as the code and "Ana" as the guest.', "Code", "kd7"),
        ('Enter "x" somewhere.', "City", None),
        ("Email bob@x.org now", "Email", "bob@x.org"),
        ('The code is known. Then write "x".', "Code", None),
    ],
)
def test_a_field_gets_the_value_that_the_goal_gives_it(goal: str, name: str, value: str | None) -> None:
    assert value_for(name, goal) == value


def test_a_form_is_filled_field_by_field_and_sent() -> None:
    assert play(FillForm(), LOGIN, login(), login("ann"), login("ann", "x1"), login("ann", "x1")) == [
        'fill "Username" with "ann"', 'fill "Password" with "x1"', 'click "Login"', None,
    ]  # fmt: skip


def test_a_list_is_chosen_from() -> None:
    goal = "Select Ash from the list and click Submit."
    lists = [page(combobox(1, "Wood", ("Oak", "Ash"), v, touched=v == "Ash"), submit(2)) for v in ("Oak", "Ash")]
    assert play(FillForm(), goal, *lists) == ['select "Ash" in "Wood"', 'click "Submit"']


@pytest.mark.parametrize(
    ("goal", "view"),
    [
        (LOGIN, page(textbox(1, "Username"), textbox(2, "Password"))),
        (LOGIN, page(textbox(1, "Username"), submit(3, "Login"))),
        ('Find the mail that says "x" and press login.', login()),
        ("Press login.", login()),
        ('The username is "a" and the password is "b".', login()),
    ],
)
def test_a_form_that_is_not_understood_is_left_to_the_worker(goal: str, view: Observation) -> None:
    assert FillForm().first(goal, view) is None


def test_a_form_with_an_unanswered_field_is_filled_and_not_sent() -> None:
    def form(name: str) -> Observation:
        return page(textbox(1, "Name", name), textbox(2, "Age"), submit(3))

    assert play(FillForm(), 'Set the name "Ann" and submit.', form(""), form("Ann")) == [
        'fill "Name" with "Ann"', None,
    ]  # fmt: skip


def link(ref: int, name: str) -> Element:
    return Element(role="link", name=name, ref=ref, can=("click",))


def test_a_search_opens_the_first_new_link() -> None:
    goal = 'Search for "tea" and open the first result.'
    before = page(link(9, "Home"), textbox(1, "Search mail"), button(2, "Search"))
    typed = page(link(9, "Home"), textbox(1, "Search mail", "tea"), button(2, "Search"))
    results = page(
        link(9, "Home"), textbox(1, "Search mail", "tea"), button(2, "Search"), link(5, "Tea"), link(6, "Pot")
    )
    assert play(SearchAndOpen(), goal, before, typed, results, results) == [
        'fill "Search mail" with "tea"', 'click "Search"', 'click "Tea"', None,
    ]  # fmt: skip
    assert play(SearchAndOpen(), goal, before, typed, typed)[-1] is None


def test_a_search_without_a_button_is_sent_by_enter() -> None:
    views = [page(textbox(1, "Search", value)) for value in ("", "tea")]
    assert play(SearchAndOpen(), 'Search for "tea".', *views) == ['fill "Search" with "tea"', 'press "Enter"']


@pytest.mark.parametrize(
    "goal", ['Find "tea" and open the 3rd result.', 'Search "tea" and click the last one.', "Find it."]
)
def test_another_hit_than_the_first_is_left_to_the_worker(goal: str) -> None:
    assert SearchAndOpen().first(goal, page(textbox(1, "Search"), button(2, "Search"))) is None


def test_the_one_date_of_a_goal_is_read_in_every_form() -> None:
    for text in ("02/09/2026", "2026-02-09", "February 9, 2026", "Feb 9 2026", "9 February 2026", "February 9th, 2026"):
        assert the_date(f"Choose {text} and submit") == date(2026, 2, 9)
    assert the_date("From 01/02/2026 to 01/05/2026") is None
    assert the_date("On 13/13/2026") is None


def calendar(month: str, value: str = "") -> Observation:
    days = [link(10 + n, str(n)) for n in range(1, 29)]
    return page(textbox(1, "Date", value), link(2, "Prev"), link(3, "Next"), words(month), *days)


def test_a_calendar_is_turned_to_the_month() -> None:
    views = [page(textbox(1, "Date")), calendar("January 2026"), calendar("February 2026")]
    assert play(PickDate(), "Pick 02/09/2026.", *views) == ['click "Date"', 'click "Next"', 'click "9"']
    assert play(PickDate(), "Pick 12/09/2025.", *views[:2]) == ['click "Date"', 'click "Prev"']


def test_a_date_field_is_typed_into() -> None:
    view = page(textbox(1, "When", kind="date"))
    assert play(PickDate(), "Book for February 9, 2026", view, view) == ['fill "When" with "2026-02-09"', None]


def mail(*values: str, extra: tuple[Element, ...] = ()) -> Observation:
    names = ("To", "Subject", "Message")
    boxes = [textbox(n, name, value) for n, (name, value) in enumerate(zip(names, values, strict=True), start=1)]
    return page(*boxes, submit(9, "Send"), *extra)


def test_a_message_is_composed_and_sent() -> None:
    goal = 'Send an email to bob@x.org with the subject "Hi" and the message "Come at 9".'
    views = [
        page(button(7, "Compose"), link(8, "Inbox")),
        mail("", "", ""), mail("bob@x.org", "", ""), mail("bob@x.org", "Hi", ""), mail("bob@x.org", "Hi", "Come at 9"),
    ]  # fmt: skip
    assert play(SendMessage(), goal, *views) == [
        'click "Compose"', 'fill "To" with "bob@x.org"', 'fill "Subject" with "Hi"', 'fill "Message" with "Come at 9"',
        'click "Send"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "goal",
    [
        'Send an email with the subject "Hi".',
        'Send "this" to bob@x.org with the subject "Hi" and delete "that".',
        "Send the report to bob@x.org.",
    ],
)
def test_a_message_that_is_not_understood_is_left_to_the_worker(goal: str) -> None:
    assert SendMessage().first(goal, mail("", "", "")) is None


def offered(runner: MacroRunner, view: Observation) -> str | None:
    found = runner.offer(view, view.fingerprint)
    return found[0].describe() if found else None


def test_a_macro_is_given_up_at_its_first_step_that_did_not_work() -> None:
    runner = MacroRunner([FillForm()], LOGIN)
    assert offered(runner, login()) == 'fill "Username" with "ann"'
    runner.record(good=True)
    assert offered(runner, login("ann")) == 'fill "Password" with "x1"'
    runner.record(good=False)
    assert offered(runner, login("ann")) is None
    assert offered(runner, login()) is None


def test_a_macro_whose_next_target_is_missing_is_given_up() -> None:
    runner = MacroRunner([SearchAndOpen()], 'Search for "tea" and open the first result.')
    view = page(textbox(1, "Search"), button(2, "Search"))
    offered(runner, view)
    runner.record(good=True)
    assert offered(runner, page(words("No more search here"))) is None
    assert offered(runner, view) is None


def test_a_refused_step_ends_the_macro() -> None:
    runner = MacroRunner([FillForm()], LOGIN)
    assert offered(runner, login()) is not None
    runner.reject()
    assert offered(runner, login()) is None


def test_a_macro_that_is_done_is_not_begun_again_on_the_same_page() -> None:
    runner = MacroRunner([FillForm()], 'Set the name "Ann" and submit.')
    for value in ("", "Ann"):
        assert offered(runner, page(textbox(1, "Name", value), submit(2))) is not None
        runner.record(good=True)
    blank = page(textbox(1, "Name"), submit(2))
    assert offered(runner, blank) is None
    assert offered(runner, page(textbox(1, "Name"), submit(2), words("Another form"))) is not None


def test_after_somebody_else_acted_a_macro_begins_anew() -> None:
    runner = MacroRunner([FillForm()], LOGIN)
    assert offered(runner, login()) == 'fill "Username" with "ann"'
    runner.reset()
    assert offered(runner, login("ann")) == 'fill "Password" with "x1"'


def test_without_routines_nothing_is_offered() -> None:
    runner = MacroRunner((), LOGIN)
    assert offered(runner, login()) is None
    runner.record(good=True)
    runner.reset()


def test_a_step_knows_what_it_hit() -> None:
    step = MacroStep(action=Action(name="fill", ref=1, text="x"))
    assert step.hits("fill", textbox(1, "A"))
    assert not step.hits("click", textbox(1, "A"))
