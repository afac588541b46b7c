"""The loop of one attempt: observe, decide, verify, act, record. Knows no benchmark and no model.

Who decides a step is tried in one order: the verified action cache, a macro skill, the worker; and whoever it was, the
gate may have the manager look at it before it is done. An agent's mistake is a step that did nothing; only what is
outside the agent raises AttemptError.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page

from harness.act.actions import read_action, unsure
from harness.act.execute import page_is_gone
from harness.act.history import Past
from harness.attempt.page_driver import Hands, Outcome
from harness.attempt.records import Decided, Ending, Moment, Progress, sampling_seed
from harness.attempt.step_spans import call_attributes, outcome_attributes, step_attributes
from harness.check.guards import blocked, warning
from harness.check.loops import looping
from harness.core.errors import AttemptError, Cause
from harness.decide.cache.attempt_cache import AttemptMemory
from harness.decide.escalation import WORDS, Proposed, reason_to_call
from harness.decide.helpers import Helpers
from harness.decide.policy import Decision, Policy, turn_of
from harness.decide.skills.runner import MacroRunner
from harness.envs.base import Environment, TaskState
from harness.observe.observation import Observation
from harness.observe.volatile import page_fingerprint
from harness.record.results import Job
from harness.record.tracing import Tracer, now
from harness.settings.schema import HarnessSettings


class AttemptLoop:
    """Runs one attempt on a page. `progress` holds what was used, also after an exception."""

    def __init__(
        self,
        *,
        job: Job,
        page: Page,
        environment: Environment,
        policy: Policy,
        settings: HarnessSettings,
        tracer: Tracer,
        deadline: float,
        report: Callable[[Progress], None],
        helpers: Helpers | None = None,
        artifacts: Path | None = None,
    ) -> None:
        self._job, self._page, self._env = job, page, environment
        self._policy, self._settings, self._tracer = policy, settings, tracer
        self._deadline, self._report, self._artifacts = deadline, report, artifacts
        self._helpers = helpers or Helpers()
        self._hands = Hands(page, environment, settings, tracer)
        self._past: list[Past] = []
        self._notes: tuple[str, ...] = ()
        self._memory: AttemptMemory | None = None
        self._macros = MacroRunner((), "")
        self.progress = Progress()

    def run(self) -> Ending:
        """The whole attempt. Raises AttemptError when it cannot be measured."""
        success: bool | None = None
        try:
            ending = self._run()
            success = ending.success
            return ending
        except Error as error:
            if page_is_gone(error):
                raise AttemptError(Cause.BROWSER_DIED, "the browser died during the attempt") from None
            raise AttemptError(
                Cause.ENVIRONMENT_ERROR, f"the page failed: {' '.join(str(error).split())[:200]}"
            ) from None
        finally:
            self._remember(success)

    def _run(self) -> Ending:
        goal = self._env.start(self._page, self._job)
        self._tell(goal=goal)
        self._recall(goal)
        seen = self._hands.look()
        words = ""
        for index in range(self._settings.limits.steps):
            if time.monotonic() >= self._deadline:
                raise AttemptError(Cause.TIME_LIMIT, f"not finished within {self._settings.limits.seconds:g} s")
            decided, came = self._step(index, goal, seen)
            words, seen = f"{_phrase(decided)}: {came.words}", came.after
            self._tell(steps=index + 1)
            if came.state.over:
                return Ending(state=came.state, reason="task_over", words=words)
            if decided.action is not None and decided.action.name == "done":
                return Ending(state=self._graded(decided.action.text), reason="done", words=words)
        return Ending(state=self._graded(None), reason="step_limit", words=words)

    def _graded(self, answer: str | None) -> TaskState:
        """Where the task stands once the agent has said done, with its answer, or its steps have run out."""
        return self._env.finish(self._page, answer)

    def _tell(self, **changes: Any) -> None:
        self.progress = self.progress.model_copy(update=changes)
        self._report(self.progress)

    def _recall(self, goal: str) -> None:
        """Take up the cache and the macros for this goal. A cache that cannot be read leaves its steps to others."""
        name = environment_name(self._env)
        self._macros = self._helpers.runner(name, goal)
        try:
            self._memory = self._helpers.memory(name, goal)
        except OSError as error:
            self.progress = self.progress.model_copy(update={"cache_problem": str(error)})

    def _remember(self, success: bool | None) -> None:
        """Write what the attempt proved. A cache that cannot be written costs later attempts, never this one."""
        if self._memory is None:
            return
        try:
            self._memory.close(success)
        except OSError as error:
            self.progress = self.progress.model_copy(update={"cache_problem": str(error)})

    def _step(self, index: int, goal: str, seen: Observation) -> tuple[Decided, Outcome]:
        """One turn; its span is written whatever happens, so that an error still shows what led to it."""
        started, span_id = now(), self._tracer.root_id[:8] + f"{index:08x}"
        png, path = self._hands.picture(self._artifacts, index)
        seed = sampling_seed(self._job, index, 0)
        turn = turn_of(index, goal, seen, self._settings, self._past, notes=self._notes, seed=seed, screenshot=png)
        moment = Moment(index, span_id, seen, page_fingerprint(seen), turn)
        attributes = step_attributes(moment, decided_by=self._policy.name, screenshot=path)
        failed: str | None = "the step was not finished"
        try:
            decided = self._decide(moment)
            self._notes = self._warnings(decided, seen)
            came = self._hands.act(decided.action, decided.problem, seen, span_id)
            attributes.update(outcome_attributes(decided, came, seen, words=f"{_phrase(decided)}: {came.words}"))
            self._learn(decided, moment, came)
            failed = came.problem.words if came.problem else None
            return decided, came
        finally:
            self._tracer.write(
                "step", attributes, start=started, end=now(), parent=self._tracer.root_id, span_id=span_id, error=failed
            )

    def _decide(self, moment: Moment) -> Decided:
        """The order of the hierarchy: cache, macro, worker; then the gate, which may ask the manager."""
        decided = self._from_cache(moment) or self._from_macro(moment) or self._ask(self._policy, moment)
        return self._gated(decided, moment)

    def _from_cache(self, moment: Moment) -> Decided | None:
        """A proven action for this site, goal and page, unless the guards refuse it."""
        offer = self._memory.offer(moment.seen) if self._memory is not None else None
        if offer is None or blocked(offer[0], self._past, moment.seen, self._settings.guards):
            return None
        return Decided(offer[0], None, "cache", entry=offer[1])

    def _from_macro(self, moment: Moment) -> Decided | None:
        """The next step of a routine, unless the guards refuse it."""
        offer = self._macros.offer(moment.seen, moment.page)
        if offer is None:
            return None
        if blocked(offer[0], self._past, moment.seen, self._settings.guards):
            self._macros.refused()
            return None
        return Decided(offer[0], None, "macro", macro=offer[1])

    def _ask(self, policy: Policy, moment: Moment, *, manager: bool = False) -> Decided:
        """Ask a policy, and ask again with the reason as often as the settings allow."""
        settings, turn = self._settings, moment.turn
        while True:
            decision = policy.decide(turn, deadline=self._deadline)
            self.progress = self.progress.plus(decision, manager=manager)
            self._record_call(decision, moment.span_id)
            action, problem = read_action(
                decision.reply,
                moment.seen,
                by_ref=settings.actions.addressing == "ref",
                navigation=settings.actions.navigation,
            )
            if action is not None and problem is None:
                problem = blocked(action, self._past, moment.seen, settings.guards)
            if problem is None or len(turn.problems) >= settings.retry.invalid_action:
                by = "manager" if manager else policy.name
                return Decided(action, problem, by, unsure=unsure(decision.reply))
            problems = (*turn.problems, (decision.reply, problem.words))
            seed = sampling_seed(self._job, moment.number, len(problems))
            turn = turn.model_copy(update={"problems": problems, "sampling_seed": seed})

    def _gated(self, decided: Decided, moment: Moment) -> Decided:
        """The step as it is, or the manager's where the gate calls it and it has a better one."""
        manager, gate = self._helpers.manager, self._settings.gate
        if manager is None or self.progress.manager_calls >= gate.max_calls:
            return decided
        proposed = Proposed(
            action=decided.action,
            problem=decided.problem,
            by_model=decided.entry is None and decided.macro is None,
            unsure=decided.unsure,
        )
        reason = reason_to_call(proposed, moment.seen, moment.page, self._past, gate)
        if reason is None:
            return decided
        proposal = decided.action.phrase() if decided.action is not None and decided.usable else ""
        turn = moment.turn.model_copy(update={"reason": WORDS[reason], "proposal": proposal})
        said = self._ask(manager, moment._replace(turn=turn), manager=True)
        if not said.usable or (decided.usable and said.same_as(decided)):
            return decided._replace(reason=reason)
        if decided.macro is not None:
            self._macros.refused()
        return said._replace(reason=reason)

    def _warnings(self, decided: Decided, seen: Observation) -> tuple[str, ...]:
        """What the guards want the agent to be told of this step when it is next asked."""
        if decided.action is None or decided.problem is not None:
            return ()
        note = warning(decided.action, self._past, seen, self._settings.guards)
        return (note,) if note else ()

    def _learn(self, decided: Decided, moment: Moment, came: Outcome) -> None:
        """Tell the cache, the macros, the notes and the past what came of a step."""
        action, verifier = decided.action, self._settings.verifier
        if verifier.after and not came.verdict.good and came.verdict.words:
            self._notes = (*self._notes, came.verdict.words)
        if looping(action, moment.page, self._past, verifier.loop_after):
            self._notes = (*self._notes, "this goes round in circles; do something else")
        self._past.append(came.past(action, moment.seen, moment.page))
        if self._memory is not None and action is not None:
            self._memory.note(
                moment.seen,
                action,
                came.after,
                changed=came.changed(action, moment.seen),
                over=came.state.over,
                used=decided.entry,
            )
        if decided.macro is not None:
            self._macros.note(good=came.verdict.good)
        else:
            self._macros.leave()
        self.progress = self.progress.model_copy(
            update={
                "cache_hits": self.progress.cache_hits + (decided.entry is not None),
                "macro_steps": self.progress.macro_steps + (decided.macro is not None),
            }
        )

    def _record_call(self, decision: Decision, parent: str) -> None:
        call = decision.call
        if call is None:
            return
        self._tracer.write(
            f"chat {call.model}",
            call_attributes(call),
            start=call.started_at,
            end=call.ended_at,
            parent=parent,
            kind="SPAN_KIND_CLIENT",
        )


def _phrase(decided: Decided) -> str:
    return decided.action.phrase() if decided.action else "unusable reply"


def environment_name(environment: Environment) -> str:
    """What the cache and mined skills call a benchmark."""
    return str(getattr(environment, "name", type(environment).__name__.lower()))
