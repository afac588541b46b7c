"""Budgets, time and Ctrl-C: nothing goes beyond them, and what was found is handed in all the same."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from engine_world import SHOWS, TOOLS, World, scripted, sql, submit, turn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples
from pydantic import Field

from halo_opt.analysis.records import AnalysisLimits, Ended, QuestionTask
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.core.errors import HaloError
from halo_opt.core.report_records import Report
from halo_opt.core.text import counted
from halo_opt.llm.cassette import Cassette, CassetteMiss, RecordedModel
from halo_opt.llm.ledger import Amount, Budget, Ledger, SpendEvent
from halo_opt.llm.model import Completion, InvalidReply, Message, ModelBusy, ModelRefused, ModelUnreachable
from halo_opt.store import Store
from halo_opt.testing import Reply

Made = Callable[..., World]
LAST = json.dumps({"summary": "what I have"})


def until_told(*then: str) -> Callable[[Sequence[Message]], Reply]:
    """Turn after turn, each with a query of its own, and the last report when it is asked for."""
    left = iter(then)

    def reply(messages: Sequence[Message]) -> Reply:
        if "Stop now:" in messages[-1].content:
            return LAST
        return next(left, turn(sql(f"SELECT {len(messages)}")))

    return reply


@pytest.mark.parametrize("calls", [1, 2, 3, 5])
def test_of_a_budget_one_call_is_kept_for_the_report(world: Made, calls: int) -> None:
    model = scripted(until_told())
    result = world(model, budget=Budget(calls=calls)).run()
    assert (result.ended, result.salvaged, result.summary) == (Ended.BUDGET, True, "what I have")
    assert len(model.asked) == result.calls == calls
    assert f"the budget of {counted(calls, 'call')} does not allow the next call" in result.reason
    assert "the budget is spent" in model.asked[-1][-1].content


def test_without_any_budget_nothing_is_asked(world: Made) -> None:
    model = scripted(until_told())
    result = world(model, budget=Budget(calls=0)).run()
    assert (result.ended, result.summary, result.calls, len(model.asked)) == (Ended.BUDGET, "", 0, 0)


def test_a_budget_that_does_not_bind_changes_nothing(world: Made) -> None:
    result = world(scripted([turn(sql("SELECT 1")), turn(submit("x"))]), budget=Budget(calls=3)).run()
    assert (result.ended, result.salvaged) == (Ended.SUBMITTED, False)


def test_a_budget_of_tokens_keeps_room_for_the_report(world: Made) -> None:
    model = scripted(until_told())
    made = world(model, budget=Budget(tokens=25_000))
    result = made.run()
    assert (result.ended, result.summary) == (Ended.BUDGET, "what I have")
    assert len(model.asked) > 2


def test_the_report_goes_on_with_what_a_spent_budget_left_of_a_sub_agent(world: Made, engine_store: Store) -> None:
    root = scripted(until_told(turn({"tool": "delegate", "question": "a?"})))
    sub = scripted(until_told())
    result = world({"root": root, "sub": sub}, budget=Budget(calls=4)).run()
    assert (len(root.asked), len(sub.asked)) == (2, 2)
    assert (result.ended, result.summary) == (Ended.BUDGET, "what I have")
    assert "root.1 ended: the whole analysis stops" in root.asked[1][-1].content


def test_when_the_time_is_over_the_root_has_one_call_more(world: Made) -> None:
    seconds = iter(range(0, 1000, 3))
    model = scripted(until_told())
    result = world(model, limits=AnalysisLimits(seconds=60), more={"clock": lambda: next(seconds)}).run()
    assert (result.ended, result.summary) == (Ended.TIME, "what I have")
    assert result.reason == "the time limit of 60 s was reached"


def test_ctrl_c_lets_the_call_in_flight_end_and_gives_what_there_is(world: Made) -> None:
    def reply(messages: Sequence[Message]) -> Reply:
        if len(messages) > 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            return turn(sql("SELECT 2"))
        claim = {"tool": "claim", "title": "It fails", "claim": "So.", "predicate_sql": SHOWS}
        return turn(claim)

    model = scripted(reply)
    made = world(model)
    result = made.run()
    assert (result.ended, result.salvaged, result.reason) == (Ended.INTERRUPTED, True, "it was interrupted")
    assert [claim.id for claim in result.claims] == ["root.c1"]
    assert (len(model.asked), result.calls) == (2, 2)
    assert made.ledger is not None
    assert made.ledger.spent.calls == 2
    assert made.ledger.committed == made.ledger.spent


def test_ctrl_c_within_a_call_ends_it_too(world: Made) -> None:
    def reply(_messages: Sequence[Message]) -> Reply:
        raise KeyboardInterrupt

    assert world(scripted(reply)).run().ended is Ended.INTERRUPTED


# --- the property


class Many(Arguments):
    calls: int = Field(ge=1)


def run_many(arguments: Many, context: ToolContext) -> str:
    assert context.models is not None
    for number in range(arguments.calls):
        try:
            context.models.llm(f"{context.agent} {number} {time.monotonic_ns()}")
        except HaloError:
            continue
    return "done"


MANY = (Tool("many", "asks often.", Many, run_many), TOOLS[1])
FAULTS: list[Exception] = [
    InvalidReply("bad", text="no", spent=Completion(text="no", tokens_in=40, tokens_out=9, cost_usd=0.0001)),
    ModelUnreachable("gone"),
    ModelUnreachable("sent and never answered", spent=Completion(text="")),
    ModelBusy("slow down"),
    ModelRefused("no", spent=Completion(text="", tokens_in=10, tokens_out=1, cost_usd=0.00001)),
]


class Erratic:
    """Answers, or fails, as it was told; what a call uses is at most what was reserved for it."""

    name = "gpt-4o"

    def __init__(self, plan: Sequence[int]) -> None:
        self._plan = plan
        self._number = 0
        self._lock = threading.Lock()

    def complete(self, messages: Sequence[Message], *, schema: Any = None, on_text: Any = None) -> Completion:
        with self._lock:
            kind = self._plan[self._number % len(self._plan)]
            self._number += 1
        if kind < len(FAULTS):
            raise FAULTS[kind]
        if schema is None:
            text = "an answer"
        elif "Stop now:" in messages[-1].content:
            text = LAST
        elif kind % 5 == 0 and '"delegate"' in messages[0].content:
            text = turn({"tool": "delegate", "question": "why?"}, {"tool": "many", "calls": 2})
        elif kind % 7 == 0:
            text = turn(submit())
        else:
            text = turn(*({"tool": "many", "calls": 2} for _ in range(1 + kind % 3)))
        tokens = 50 + 10 * kind
        return Completion(text=text, tokens_in=tokens, tokens_out=kind, cost_usd=tokens / 1e6)


class Watched:
    """Holds every event of a ledger against the budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.open: dict[int, Amount] = {}
        self.worst = Budget(usd=0, tokens=0, calls=0)

    def __call__(self, event: SpendEvent) -> None:
        self.open[event.call] = event.amount
        if event.step == "released":
            del self.open[event.call]
        held = self.open.values()
        usd, tokens = sum(a.cost_usd or 0 for a in held), sum(a.tokens_in + a.tokens_out for a in held)
        for spent, limit in ((usd, self.budget.usd), (tokens, self.budget.tokens), (len(held), self.budget.calls)):
            assert limit is None or spent <= limit + 1e-9


@examples(12, fresh=100)
@given(
    budget=st.builds(
        Budget,
        usd=st.none() | st.floats(0, 0.3),
        tokens=st.none() | st.integers(0, 60_000),
        calls=st.none() | st.integers(0, 25),
    ),
    parallel=st.integers(1, 8),
    plan=st.lists(st.integers(0, 40), min_size=1, max_size=30),
)
def test_what_is_spent_and_reserved_never_exceeds_the_budget(
    engine_store: Store, engine_report: Report, budget: Budget, parallel: int, plan: list[int]
) -> None:
    watched = Watched(budget)
    made = World(
        engine_store,
        engine_report,
        {"root": Erratic(plan)},
        limits=AnalysisLimits(parallel=parallel, turns=6, sub_turns=3, agents=6),
        budget=budget,
        tools=MANY,
        address="https://api.openai.com/v1",
        free=False,
    )
    made.ledger = Ledger(budget, on_event=watched)
    result = made.run()
    assert made.ledger.committed == made.ledger.spent
    assert budget.calls is None or result.calls <= budget.calls
    assert (result.ended is Ended.SUBMITTED) != result.salvaged


class Overcharging:
    """Says that it used far more than was reserved for it."""

    name = "scripted"

    def complete(self, messages: Sequence[Message], *, schema: Any = None, on_text: Any = None) -> Completion:
        text = LAST if "Stop now:" in messages[-1].content else turn(sql("SELECT 1"))
        return Completion(text=text, tokens_in=30_000, tokens_out=5, cost_usd=0.0)


def test_a_provider_that_charges_more_than_was_reserved_ends_it_with_the_call_that_did(world: Made) -> None:
    made = world({"root": Overcharging()}, budget=Budget(tokens=25_000))
    result = made.run()
    assert (result.ended, result.calls, result.summary) == (Ended.BUDGET, 1, "")
    assert made.ledger is not None
    assert made.ledger.spent.tokens_in == 30_000


def test_why_there_is_no_python_is_said(world: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from halo_opt.analysis.tools import python
    from halo_opt.confinement.python import sandbox

    def nothing(_host: Any, _limits: Any) -> Any:
        raise sandbox.ConfinementUnavailable("this kernel has no Landlock")

    model = scripted([turn(submit()), turn(submit())])
    assert world(model).run().python == "it was not among the tools"
    monkeypatch.setattr(sandbox, "BACKENDS", [nothing])
    assert "this kernel has no Landlock" in world(model, tools=[*TOOLS, python.TOOL]).run().python
    assert all("- python:" not in call[0].content for call in model.asked)


@pytest.mark.parametrize("limit", ["budget", "time"])
def test_a_recording_that_ended_at_a_limit_is_replayed_to_the_same_end(world: Made, limit: str) -> None:
    entries: list[dict[str, Any]] = []

    def made(past: list[dict[str, Any]], **changes: Any) -> World:
        cassette = Cassette(past, on_entry=lambda entry: entries.append(entry.model_dump(mode="json")))
        root = scripted(until_told(turn(sql("SELECT 1")), turn({"tool": "delegate", "question": "a?"})))
        one = world({"root": root, "sub": scripted(until_told())}, **changes)
        one.wrap = lambda model, role: RecordedModel(None if past else model, cassette, role=role, name="scripted")
        return one

    seconds = iter(range(0, 1000, 3))
    changes: dict[str, Any] = (
        {"budget": Budget(calls=5)}
        if limit == "budget"
        else {"limits": AnalysisLimits(seconds=100), "more": {"clock": lambda: next(seconds)}}
    )
    recorded = made([], **changes).run()
    assert recorded.ended == limit
    replayed = made(list(entries), limits=AnalysisLimits(turns=40)).run()
    again = {"seconds": 0, "reason": "", "ended": Ended.BUDGET}
    assert replayed.model_copy(update=again) == recorded.model_copy(update=again)


def test_a_call_that_was_not_recorded_fails_the_replay(world: Made) -> None:
    entries: list[dict[str, Any]] = []
    cassette = Cassette(on_entry=lambda entry: entries.append(entry.model_dump(mode="json")))
    one = world(scripted([turn(sql("SELECT 1")), turn(submit())]))
    one.wrap = lambda model, role: RecordedModel(model, cassette, role=role)
    one.run()
    other = world(scripted([]), task=QuestionTask(question="something else?"))
    other.wrap = lambda _model, role: RecordedModel(None, Cassette(entries), role=role, name="scripted")
    with pytest.raises(CassetteMiss):
        other.run()
