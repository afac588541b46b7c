"""The progress of a long piece of work: attempts by outcome, cost so far and time left."""

import threading
from collections.abc import Callable

from halo_opt.core.records import Outcome
from halo_opt.core.text import counted, duration


class Progress:
    """Counts of a long piece of work; given by `Console.progress`. Safe to advance from several threads."""

    def __init__(
        self, total: int, already: int, clock: Callable[[], float], show: Callable[["Progress"], None]
    ) -> None:
        self.total = total
        self.already = already
        self.counts = dict.fromkeys(Outcome, 0)
        self.finished = already
        self.cost_usd: float | None = None
        self._clock = clock
        self._began = clock()
        self._show = show
        self._lock = threading.Lock()

    def advance(self, outcome: Outcome | str, cost_usd: float | None = None, *, final: bool = True) -> None:
        """Count one attempt. `final=False` is an error that will be tried again: counted, but nothing is finished."""
        with self._lock:
            self.counts[Outcome(outcome)] += 1
            self.finished += final
            if cost_usd is not None:
                self.cost_usd = (self.cost_usd or 0.0) + cost_usd
            self._show(self)

    @property
    def seconds_left(self) -> float | None:
        """The rest at the pace of this session; None before the first attempt of this session is finished."""
        fresh = self.finished - self.already
        if not fresh:
            return None
        return (self._clock() - self._began) / fresh * max(0, self.total - self.finished)

    def words(self) -> str:
        """Counts, spend and time left: `3 successes, 9 failures, 0 errors, $0.0123, about 4 min 10 s left`."""
        many = {Outcome.SUCCESS: "successes"}
        parts = [counted(n, outcome.value, many.get(outcome, "")) for outcome, n in self.counts.items()]
        if self.cost_usd is not None:
            parts.append(f"${self.cost_usd:.4f}")
        left = self.seconds_left
        if left is not None and self.finished < self.total:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)
