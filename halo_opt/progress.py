"""Counts of a long piece of work, and time as people say it. Nothing here prints."""

import threading
from collections.abc import Callable

from halo_opt.records import Outcome


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def counted(number: int, one: str, many: str = "") -> str:
    """So many of a thing: `1 call`, `1,200 calls`; `many` where it does not end in s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


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
        said = [counted(n, outcome.value, many.get(outcome, "")) for outcome, n in self.counts.items()]
        if self.cost_usd is not None:
            said.append(f"${self.cost_usd:.4f}")
        left = self.seconds_left
        if left is not None and self.finished < self.total:
            said.append(f"about {duration(left)} left")
        return ", ".join(said)
