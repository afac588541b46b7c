"""What model calls spend: reserved before a call, settled after it. Held in memory; a callback gets every event.

A reservation counts as spent until it is settled or released, so that callers at the same time cannot pass a limit
together. Replaying the events gives the spend back; a call that was reserved but not settled (the process died in
it) stays counted at its reservation, because it may have been billed.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from halo_opt.core.errors import BudgetSpent, InputError
from halo_opt.core.text import counted

# Sums of many small floats differ in their last digits; a limit that is met exactly is not passed.
_ROUNDING = 1e-9


class _Amounts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(_Amounts):
    """What one call uses: tokens, and dollars or None when the price is not known."""

    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=0, ge=0)
    cost_usd: float | None = Field(default=0.0, ge=0.0)


class Budget(_Amounts):
    """Limits that the user set; None is no limit. `tokens` counts both directions."""

    usd: float | None = Field(default=None, ge=0.0)
    tokens: int | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)


class Spend(_Amounts):
    """A total. `cost_usd` is over the calls with a known price; `unpriced_calls` had none and are not in it."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0

    def plus(self, amount: Amount) -> "Spend":
        """This total and one more call."""
        return Spend(
            calls=self.calls + 1,
            tokens_in=self.tokens_in + amount.tokens_in,
            tokens_out=self.tokens_out + amount.tokens_out,
            cost_usd=self.cost_usd + (amount.cost_usd or 0.0),
            unpriced_calls=self.unpriced_calls + (amount.cost_usd is None),
        )


class SpendEvent(_Amounts):
    """What the callback gets: enough to replay. `call` is unique within one ledger's life, `since` and on."""

    step: Literal["reserved", "settled", "released"]
    call: int
    purpose: str
    amount: Amount


def replay(events: Iterable[SpendEvent | Mapping[str, Any]]) -> tuple[Spend, int]:
    """The spend after these events, and the first call number that is free."""
    calls: dict[int, Amount | None] = {}
    for event in events:
        entry = SpendEvent.model_validate(event)
        calls[entry.call] = None if entry.step == "released" else entry.amount
    spend = Spend()
    for amount in calls.values():
        spend = spend.plus(amount) if amount is not None else spend
    return spend, max(calls, default=-1) + 1


class Ledger:
    """Holds one budget for all callers. Thread-safe."""

    def __init__(
        self,
        budget: Budget,
        *,
        past: Iterable[SpendEvent | Mapping[str, Any]] = (),
        on_event: Callable[[SpendEvent], None] | None = None,
    ) -> None:
        """`past` are the events of an earlier life; `on_event` is called in order, under the ledger's lock.

        When `on_event` raises at a reservation, the reservation does not stand.
        """
        self._budget = budget
        self._on_event = on_event or (lambda _event: None)
        self._settled, first = replay(past)
        self._numbers = itertools.count(first)
        self._open: dict[int, tuple[str, Amount]] = {}
        self._kept: Amount | None = None
        self._lock = threading.Lock()

    @property
    def budget(self) -> Budget:
        """The limits that are kept."""
        return self._budget

    def hold_back_one_call(self) -> None:
        """Keep room for one more call, as large as the largest reserved from now on, until `release_held_back_call`."""
        with self._lock:
            self._kept = Amount()

    def release_held_back_call(self) -> None:
        """Let calls use the room that was held back."""
        with self._lock:
            self._kept = None

    @property
    def spent(self) -> Spend:
        """What settled calls used."""
        with self._lock:
            return self._settled

    @property
    def committed(self) -> Spend:
        """What settled calls used and open reservations may use: what the budget is held against."""
        with self._lock:
            return self._committed()

    def reserve(self, amount: Amount, *, purpose: str) -> int:
        """Set aside at most `amount` for one call and return the call's number.

        Raises BudgetSpent when it does not fit any more, and InputError when a limit in dollars cannot be kept
        because the price is not known.
        """
        with self._lock:
            kept = None if self._kept is None else _larger(self._kept, amount)
            after = self._committed().plus(amount)
            self._check(after if kept is None else after.plus(kept), amount, purpose, kept is not None)
            call = next(self._numbers)
            self._on_event(SpendEvent(step="reserved", call=call, purpose=purpose, amount=amount))
            self._open[call] = (purpose, amount)
            self._kept = kept
            return call

    def settle(self, call: int, amount: Amount | None = None) -> None:
        """The call was made and used `amount`, or its reservation when what it used is not known."""
        with self._lock:
            purpose, reserved = self._take(call)
            self._settled = self._settled.plus(amount or reserved)
            self._on_event(SpendEvent(step="settled", call=call, purpose=purpose, amount=amount or reserved))

    def release(self, call: int) -> None:
        """The call was not made, or nothing was charged for it."""
        with self._lock:
            purpose, reserved = self._take(call)
            self._on_event(SpendEvent(step="released", call=call, purpose=purpose, amount=reserved))

    def _take(self, call: int) -> tuple[str, Amount]:
        if call not in self._open:
            raise ValueError(f"call {call} is not an open reservation of this ledger")
        return self._open.pop(call)

    def _committed(self) -> Spend:
        total = self._settled
        for _, amount in self._open.values():
            total = total.plus(amount)
        return total

    def _check(self, after: Spend, amount: Amount, purpose: str, kept: bool) -> None:
        budget = self._budget
        if budget.usd is not None and amount.cost_usd is None:
            raise InputError(
                f"no price is known for this model, so a budget of ${budget.usd:g} cannot be kept; set a budget of "
                "tokens or calls instead"
            )
        tokens = after.tokens_in + after.tokens_out
        limits: list[tuple[float, float | None, Callable[[float], str]]] = [
            (after.cost_usd, budget.usd, lambda dollars: f"${dollars:,.4f}"),
            (tokens, budget.tokens, lambda number: counted(int(number), "token")),
            (after.calls, budget.calls, lambda number: counted(int(number), "call")),
        ]
        for needed, limit, shown in limits:
            if limit is not None and needed > limit + _ROUNDING:
                last = ", and with the last call that room is kept for" if kept else ""
                raise BudgetSpent(
                    f"the budget of {shown(limit)} does not allow the next call ({purpose}): with it{last}, up to "
                    f"{shown(needed)} could be spent; what was done is kept, raise the budget to go on"
                )


def _larger(one: Amount, two: Amount) -> Amount:
    costs = [cost for cost in (one.cost_usd, two.cost_usd) if cost is not None]
    return Amount(
        tokens_in=max(one.tokens_in, two.tokens_in),
        tokens_out=max(one.tokens_out, two.tokens_out),
        cost_usd=max(costs, default=None),
    )
