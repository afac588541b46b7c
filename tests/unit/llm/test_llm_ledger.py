import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.core.errors import BudgetSpent, InputError
from halo_opt.llm.ledger import Amount, Budget, Ledger, Spend, SpendEvent, replay


def cost(usd: float | None, tokens: int = 0) -> Amount:
    return Amount(tokens_in=tokens, cost_usd=usd)


def test_a_call_over_the_budget_is_refused_before_it_is_made() -> None:
    ledger = Ledger(Budget(usd=1.0))
    ledger.settle(ledger.reserve(cost(0.6), purpose="first"), cost(0.6))
    with pytest.raises(BudgetSpent, match=r"budget of \$1\.0000 does not allow the next call \(second\).*\$1\.2000"):
        ledger.reserve(cost(0.6), purpose="second")
    assert ledger.spent == Spend(calls=1, cost_usd=0.6)


@pytest.mark.parametrize(("limit", "fits"), [(2, False), (3, True), (4, True)])
def test_a_limit_that_is_met_exactly_is_not_passed(limit: int, fits: bool) -> None:
    for budget in (Budget(usd=limit / 10), Budget(tokens=limit), Budget(calls=limit)):
        ledger = Ledger(budget)
        for _ in range(2):
            ledger.settle(ledger.reserve(cost(0.1, 1), purpose="p"))
        if fits:
            ledger.reserve(cost(0.1, 1), purpose="p")
        else:
            with pytest.raises(BudgetSpent):
                ledger.reserve(cost(0.1, 1), purpose="p")


def test_a_budget_of_zero_still_allows_a_free_model() -> None:
    Ledger(Budget(usd=0.0)).reserve(cost(0.0, 100), purpose="p")


def test_an_open_reservation_counts_until_it_is_released() -> None:
    ledger = Ledger(Budget(usd=1.0))
    call = ledger.reserve(cost(0.9), purpose="p")
    with pytest.raises(BudgetSpent):
        ledger.reserve(cost(0.2), purpose="p")
    ledger.release(call)
    ledger.reserve(cost(0.2), purpose="p")
    assert ledger.spent.calls == 0
    assert ledger.committed.cost_usd == pytest.approx(0.2)


def test_a_call_of_unknown_price_is_counted_apart_and_not_as_free() -> None:
    ledger = Ledger(Budget())
    ledger.settle(ledger.reserve(cost(None, 5), purpose="p"))
    assert ledger.spent == Spend(calls=1, tokens_in=5, cost_usd=0.0, unpriced_calls=1)


def test_a_dollar_budget_without_a_price_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"no price is known.*budget of tokens or calls"):
        Ledger(Budget(usd=5.0)).reserve(cost(None), purpose="p")


def test_settling_twice_is_a_mistake_in_the_program() -> None:
    ledger = Ledger(Budget())
    call = ledger.reserve(cost(0.1), purpose="p")
    ledger.settle(call)
    with pytest.raises(ValueError, match="not an open reservation"):
        ledger.settle(call)


def test_a_reservation_that_cannot_be_written_down_does_not_stand() -> None:
    def full_disk(event: SpendEvent) -> None:
        raise OSError("no space left")

    ledger = Ledger(Budget(calls=1), on_event=full_disk)
    with pytest.raises(OSError, match="no space"):
        ledger.reserve(cost(0.1), purpose="p")
    assert ledger.committed.calls == 0


def test_a_call_that_the_process_died_in_stays_counted_after_replay() -> None:
    events: list[dict[str, Any]] = []
    first = Ledger(Budget(), on_event=lambda event: events.append(event.model_dump(mode="json")))
    first.settle(first.reserve(cost(0.5), purpose="a"), cost(0.3))
    first.release(first.reserve(cost(0.5), purpose="b"))
    first.reserve(cost(0.25), purpose="c")

    numbers: list[int] = []
    second = Ledger(Budget(usd=0.6), past=events, on_event=lambda event: numbers.append(event.call))
    assert second.spent.calls == 2
    assert second.spent.cost_usd == pytest.approx(0.55)
    second.reserve(cost(0.05), purpose="d")
    assert numbers == [3]
    with pytest.raises(BudgetSpent):
        second.reserve(cost(0.05), purpose="e")


def test_callers_at_the_same_time_cannot_pass_the_limit_together() -> None:
    ledger = Ledger(Budget(calls=50))
    start = threading.Barrier(8)
    refused: list[int] = []

    def caller() -> None:
        start.wait()
        for _ in range(20):
            try:
                ledger.settle(ledger.reserve(cost(0.01, 1), purpose="p"))
            except BudgetSpent:
                refused.append(1)

    threads = [threading.Thread(target=caller) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spent.calls == 50
    assert len(refused) == 110


amounts = st.builds(
    Amount,
    tokens_in=st.integers(0, 10_000),
    tokens_out=st.integers(0, 10_000),
    cost_usd=st.none() | st.floats(0, 10),
)
steps = st.lists(st.tuples(amounts, st.sampled_from(["settle", "settle less", "release", "leave"])), max_size=30)


@given(steps)
def test_replaying_the_events_gives_what_the_ledger_holds(calls: list[tuple[Amount, str]]) -> None:
    events: list[SpendEvent] = []
    ledger = Ledger(Budget(), on_event=events.append)
    for amount, end in calls:
        call = ledger.reserve(amount, purpose="p")
        if end == "release":
            ledger.release(call)
        elif end == "settle":
            ledger.settle(call)
        elif end == "settle less":
            ledger.settle(call, Amount(tokens_in=amount.tokens_in // 2, cost_usd=amount.cost_usd))
    spend, free = replay(events)
    held = ledger.committed
    assert (spend.calls, spend.tokens_in, spend.tokens_out) == (held.calls, held.tokens_in, held.tokens_out)
    assert spend.unpriced_calls == held.unpriced_calls
    assert spend.cost_usd == pytest.approx(held.cost_usd)
    assert free == len(calls)


@given(steps, st.integers(0, 50_000))
def test_no_order_of_calls_passes_a_token_budget(calls: list[tuple[Amount, str]], limit: int) -> None:
    ledger = Ledger(Budget(tokens=limit))
    for amount, end in calls:
        try:
            call = ledger.reserve(amount, purpose="p")
        except BudgetSpent:
            continue
        if end != "leave":
            ledger.settle(call) if end != "release" else ledger.release(call)
        total = ledger.committed
        assert total.tokens_in + total.tokens_out <= limit


def test_room_is_kept_for_one_call_as_large_as_the_largest_until_it_may_be_used() -> None:
    ledger = Ledger(Budget(usd=1.0))
    ledger.hold_back_one_call()
    ledger.settle(ledger.reserve(cost(0.3), purpose="large"), cost(0.2))
    ledger.settle(ledger.reserve(cost(0.1), purpose="small"), cost(0.1))
    ledger.reserve(cost(0.3), purpose="open")  # 0.3 are spent, 0.3 reserved and 0.3 kept back
    with pytest.raises(BudgetSpent, match="and with the last call that room is kept for"):
        ledger.reserve(cost(0.11), purpose="next")
    ledger.release_held_back_call()
    ledger.reserve(cost(0.4), purpose="last")


def test_a_call_that_does_not_fit_twice_is_not_begun_while_one_is_kept_back() -> None:
    ledger = Ledger(Budget(calls=1))
    ledger.hold_back_one_call()
    with pytest.raises(BudgetSpent):
        ledger.reserve(cost(0.0), purpose="first")
    ledger.release_held_back_call()
    ledger.reserve(cost(0.0), purpose="last")
