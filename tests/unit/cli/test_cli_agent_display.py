"""What a person sees while agents work: safe words, true spend, and nothing animated where there is no terminal."""

import io
import re

from console_doubles import Clock, Terminal
from rich.console import Console as RichConsole

from halo_opt.analysis.records import Event
from halo_opt.cli.agent_display import AgentDisplay, spend_text
from halo_opt.core.console import Console
from halo_opt.llm.ledger import Budget, Spend

SPENT = Spend(calls=3, tokens_in=900, tokens_out=100, cost_usd=0.0123)


def watching(
    *, every: bool, terminal: bool = False, quiet: bool = False
) -> tuple[AgentDisplay, Clock, io.StringIO, io.StringIO]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    clock = Clock()
    console = Console(out=out, err=err, clock=clock, quiet=quiet)
    return AgentDisplay(console, spent=lambda: SPENT, budget=Budget(usd=1), every=every, clock=clock), clock, out, err


def drawn(watch: AgentDisplay) -> str:
    text = io.StringIO()
    RichConsole(file=text, width=200, highlight=False).print(watch.tree())
    return text.getvalue()


def test_without_a_terminal_each_event_is_a_line_with_what_was_spent() -> None:
    watch, _, out, err = watching(every=True)
    with watch.shown():
        watch(Event(agent="root", kind="tool", words="sql: SELECT 1", turn=1))
        watch(Event(agent="root.1", kind="claim", words="c1 confirmed", turn=2))
    assert err.getvalue().splitlines() == [
        "[root, turn 1] tool: sql: SELECT 1 (3 calls, 1,000 tokens, $0.0123 of $1.00)",
        "[root.1, turn 2] claim: c1 confirmed (3 calls, 1,000 tokens, $0.0123 of $1.00)",
    ]
    assert out.getvalue() == ""


def test_without_watch_there_is_a_line_now_and_then() -> None:
    watch, clock, _, err = watching(every=False)
    watch(Event(agent="root", kind="turn", words="turn 1 of 9", turn=1))
    assert err.getvalue() == ""
    clock.now = 11
    watch(Event(agent="root", kind="claim", words="c1", turn=2))
    watch(Event(agent="root", kind="tool", words="sql", turn=2))
    assert err.getvalue() == "1 agent, 2 turns, 1 claim, 3 calls, 1,000 tokens, $0.0123 of $1.00, 11 s\n"


def test_the_tree_shows_agents_under_one_another_with_what_they_do() -> None:
    watch, _, _, _ = watching(every=True)
    watch(Event(agent="root", kind="delegate", words="failures of task 7", turn=3))
    watch(Event(agent="root.1", kind="tool", words="search refunds", turn=2))
    watch(Event(agent="root.1.1", kind="end", words="handed in", turn=4))
    lines = drawn(watch).splitlines()
    assert "2 of 3 agents at work" in lines[0]
    assert [re.sub(r"[^\w.: ]", "", line).strip() for line in lines[1:]] == [
        "root turn 3  delegate: failures of task 7",
        "root.1 turn 2  tool: search refunds",
        "root.1.1 turn 4  end: handed in",
    ]


def test_an_agent_that_has_asked_its_model_is_seen_to_wait() -> None:
    watch, _, _, _ = watching(every=True)
    assert "root turn 0  waits until the traces are mined" in drawn(watch)
    watch(Event(agent="root", kind="turn", words="turn 1 of 9", turn=1))
    assert "root turn 1  waits for the model" in drawn(watch)


def test_many_agents_still_fit_and_those_at_work_are_the_ones_shown() -> None:
    watch, _, _, _ = watching(every=True)
    for number in range(60):
        watch(Event(agent=f"root.{number}", kind="end" if number < 55 else "tool", words="x", turn=1))
    shown = drawn(watch)
    assert len(shown.splitlines()) <= 22
    assert all(f"root.{number} " in shown for number in range(55, 60))


def test_words_of_a_trace_reach_neither_terminal_nor_log_as_they_are() -> None:
    hostile = "a\x1b]0;owned\x07b\x9b2J\u202ec[bold]d\n" + "x" * 500
    for terminal in (False, True):
        watch, _, _, err = watching(every=True, terminal=terminal)
        watch(Event(agent="root", kind="tool", words=hostile, turn=1))
        text = err.getvalue() + drawn(watch)
        assert "\x1b]" not in text
        assert not {"\x07", "\x9b", "\u202e"} & set(text)
        assert "[bold]d" in drawn(watch)
        assert "x" * 101 not in text


def test_a_terminal_is_drawn_on_in_place_and_quiet_means_nothing() -> None:
    watch, _, out, err = watching(every=True, terminal=True)
    with watch.shown():
        watch(Event(agent="root", kind="tool", words="sql", turn=1))
    assert "root turn 1" in err.getvalue()
    assert out.getvalue() == ""
    watch, _, out, err = watching(every=True, terminal=True, quiet=True)
    with watch.shown():
        watch(Event(agent="root", kind="tool", words="sql", turn=1))
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_spend_is_said_against_the_limits_that_there_are() -> None:
    assert spend_text(Spend(), Budget()) == "0 calls, 0 tokens"
    assert spend_text(SPENT, Budget(calls=9, tokens=5_000)) == "3 of 9 calls, 1,000 of 5,000 tokens, $0.0123"
    assert spend_text(Spend(calls=1, unpriced_calls=1), Budget()) == "1 call, 0 tokens, 1 without a known price"
