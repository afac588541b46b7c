"""Runs macro skills in one attempt, one step at a time, and gives each up at its first step that did not work. Pure."""

from collections.abc import Sequence

from harness.act.actions import Action
from harness.decide.skills.routine import MacroStep, Routine
from harness.observe.observation import Observation

MOST_STEPS = 40


class MacroRunner:
    """Offers the next step of the routine that runs, or the first of one whose preconditions hold.

    A routine that was given up is not tried again in the attempt; one that ended is not begun again on the same page.
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
            self.leave()
        return step

    def _begin(self, page: Observation, fingerprint: str) -> MacroStep | None:
        for routine in self._routines:
            if routine.name in self._given_up or (routine.name, fingerprint) in self._ended:
                continue
            if step := routine.first(self._goal, page):
                self._running, self._made = routine, []
                return step
        return None

    def note(self, *, good: bool) -> None:
        """The step that was offered has been done; the verifier says whether it did what it is for."""
        if self._running is None or self._offered is None:
            return
        if good:
            self._made.append(self._offered)
        else:
            self._given_up.add(self._running.name)
            self.leave()
        self._offered = None

    def refused(self) -> None:
        """The guards or the manager would not have the step that was offered."""
        if self._running is not None:
            self._given_up.add(self._running.name)
        self.leave()

    def leave(self) -> None:
        """Somebody else has acted: begin anew where the preconditions hold."""
        self._running, self._made, self._offered = None, [], None
