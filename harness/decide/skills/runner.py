"""Runs macro skills in one attempt, one step at a time. A macro is given up at its first step that does not work."""

from collections.abc import Sequence

from harness.act.actions import Action
from harness.decide.skills.routine import MacroStep, Routine
from harness.observe.observation import Observation

MOST_STEPS = 40


class MacroRunner:
    """Offers the next step of the running routine, or the first step of one whose preconditions hold.

    A routine that was given up is not tried again in the attempt; one that ended is not started again on the same page.
    """

    def __init__(self, routines: Sequence[Routine], goal: str) -> None:
        self._routines, self._goal = routines, goal
        self._running: Routine | None = None
        self._made: list[MacroStep] = []
        self._offered: MacroStep | None = None
        self._given_up: set[str] = set()
        self._ended: set[tuple[str, str]] = set()

    def offer(self, page: Observation, fingerprint: str) -> tuple[Action, str] | None:
        """(action, name of the macro) or None where no macro has anything to do here."""
        self._offered = self._next(page, fingerprint) or self._begin(page, fingerprint)
        if self._offered is None or self._running is None:
            return None
        return self._offered.action, self._running.name

    def _next(self, page: Observation, fingerprint: str) -> MacroStep | None:
        running = self._running
        if running is None:
            return None
        step = running.next(self._goal, page, self._made) if len(self._made) < MOST_STEPS else None
        if step is None:
            if running.reached(self._goal, page, self._made):
                self._ended.add((running.name, fingerprint))
            else:
                self._given_up.add(running.name)
            self.reset()
        return step

    def _begin(self, page: Observation, fingerprint: str) -> MacroStep | None:
        for routine in self._routines:
            if routine.name in self._given_up or (routine.name, fingerprint) in self._ended:
                continue
            if step := routine.first(self._goal, page):
                self._running, self._made = routine, []
                return step
        return None

    def record(self, *, good: bool) -> None:
        """The offered step has been done; `good` is the verifier's verdict on it."""
        if self._running is None or self._offered is None:
            return
        if good:
            self._made.append(self._offered)
        else:
            self._given_up.add(self._running.name)
            self.reset()
        self._offered = None

    def reject(self) -> None:
        """Give up the routine: the guards or the manager refused the step that it offered."""
        if self._running is not None:
            self._given_up.add(self._running.name)
        self.reset()

    def reset(self) -> None:
        """Forget the running routine, because something else has acted. It may start again later."""
        self._running, self._made, self._offered = None, [], None
