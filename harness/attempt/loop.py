"""The loop of one attempt: observe, decide, act, check, record. It knows no benchmark and no model.

A step is decided by the first of these that has something to offer: the action cache, a macro skill, the worker. The
escalation rule may then call the manager, which can replace the decision. An agent's mistake is a step that does
nothing; only a failure outside the agent raises AttemptError.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page

from harness.act.actions import low_confidence, read_action
from harness.act.execute import browser_died
from harness.act.history import PastStep
from harness.attempt.page_driver import PageDriver, StepResult
from harness.attempt.records import AttemptEnd, Decision, Progress, StepContext, sampling_seed
from harness.attempt.step_spans import call_attributes, result_attributes, step_attributes
from harness.check.guards import blocked, warning
from harness.check.loops import looping
from harness.core.errors import AttemptError, Cause
from harness.decide.cache.attempt_cache import AttemptCache
from harness.decide.escalation import REASON_TEXT, ProposedStep, escalation_reason
from harness.decide.helpers import Helpers
from harness.decide.policy import Policy, PolicyReply, build_input
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
        self._driver = PageDriver(page, environment, settings, tracer)
        self._history: list[PastStep] = []
        self._notes: tuple[str, ...] = ()
        self._cache: AttemptCache | None = None
        self._macros = MacroRunner((), "")
        self.progress = Progress()

    def run(self) -> AttemptEnd:
        """Run the whole attempt. Raises AttemptError when it cannot be measured."""
        success: bool | None = None
        try:
            end = self._run()
            success = end.success
            return end
        except Error as error:
            if browser_died(error):
                raise AttemptError(Cause.BROWSER_DIED, "the browser died during the attempt") from None
            raise AttemptError(
                Cause.ENVIRONMENT_ERROR, f"the page failed: {' '.join(str(error).split())[:200]}"
            ) from None
        finally:
            self._close_cache(success)

    def _run(self) -> AttemptEnd:
        goal = self._env.start(self._page, self._job)
        self._update_progress(goal=goal)
        self._load_helpers(goal)
        page = self._driver.observe()
        last_step = ""
        for index in range(self._settings.limits.steps):
            if time.monotonic() >= self._deadline:
                raise AttemptError(Cause.TIME_LIMIT, f"not finished within {self._settings.limits.seconds:g} s")
            decision, result = self._step(index, goal, page)
            last_step, page = f"{decision.describe()}: {result.text}", result.after
            self._update_progress(steps=index + 1)
            if result.state.over:
                return AttemptEnd(state=result.state, reason="task_over", last_step=last_step)
            if decision.action is not None and decision.action.name == "done":
                return AttemptEnd(state=self._grade(decision.action.text), reason="done", last_step=last_step)
        return AttemptEnd(state=self._grade(None), reason="step_limit", last_step=last_step)

    def _grade(self, answer: str | None) -> TaskState:
        """The final state once the agent is done, with its answer, or has used up its steps (None)."""
        return self._env.finish(self._page, answer)

    def _update_progress(self, **changes: Any) -> None:
        self.progress = self.progress.model_copy(update=changes)
        self._report(self.progress)

    def _load_helpers(self, goal: str) -> None:
        """Open the cache and the macros for this goal. Without a readable cache the attempt goes on without one."""
        name = environment_name(self._env)
        self._macros = self._helpers.macro_runner(name, goal)
        try:
            self._cache = self._helpers.attempt_cache(name, goal)
        except OSError as error:
            self.progress = self.progress.model_copy(update={"cache_problem": str(error)})

    def _close_cache(self, success: bool | None) -> None:
        """Write what the attempt proved. A cache that cannot be written does not fail the attempt."""
        if self._cache is None:
            return
        try:
            self._cache.close(success)
        except OSError as error:
            self.progress = self.progress.model_copy(update={"cache_problem": str(error)})

    def _step(self, index: int, goal: str, page: Observation) -> tuple[Decision, StepResult]:
        """One step. Its span is written also when an exception ends it."""
        started, span_id = now(), self._tracer.root_id[:8] + f"{index:08x}"
        png, path = self._driver.screenshot(self._artifacts, index)
        policy_input = build_input(
            index,
            goal,
            page,
            self._settings,
            self._history,
            notes=self._notes,
            seed=sampling_seed(self._job, index, 0),
            screenshot=png,
        )
        context = StepContext(index, span_id, page, page_fingerprint(page), policy_input)
        attributes = step_attributes(context, decided_by=self._policy.name, screenshot=path)
        error: str | None = "the step was not finished"
        try:
            decision = self._decide(context)
            self._notes = self._guard_notes(decision, page)
            result = self._driver.act(decision.action, decision.problem, page, span_id)
            text = f"{decision.describe()}: {result.text}"
            attributes.update(result_attributes(decision, result, page, text=text))
            self._record(decision, context, result)
            error = result.problem.message if result.problem else None
            return decision, result
        finally:
            self._tracer.write(
                "step", attributes, start=started, end=now(), parent=self._tracer.root_id, span_id=span_id, error=error
            )

    def _decide(self, context: StepContext) -> Decision:
        """Cache, else macro, else worker; then the escalation rule, which may call the manager."""
        decision = self._from_cache(context) or self._from_macro(context) or self._ask(self._policy, context)
        return self._escalate(decision, context)

    def _from_cache(self, context: StepContext) -> Decision | None:
        """A proven action for this site, goal and page, unless the guards refuse it."""
        offer = self._cache.offer(context.page) if self._cache is not None else None
        if offer is None or blocked(offer[0], self._history, context.page, self._settings.guards):
            return None
        return Decision(offer[0], None, "cache", cached=offer[1])

    def _from_macro(self, context: StepContext) -> Decision | None:
        """The next step of a macro skill, unless the guards refuse it."""
        offer = self._macros.offer(context.page, context.page_id)
        if offer is None:
            return None
        if blocked(offer[0], self._history, context.page, self._settings.guards):
            self._macros.reject()
            return None
        return Decision(offer[0], None, "macro", macro=offer[1])

    def _ask(self, policy: Policy, context: StepContext, *, manager: bool = False) -> Decision:
        """Ask a policy; after an unusable reply ask again with the problem, as often as the settings allow."""
        settings, policy_input = self._settings, context.policy_input
        while True:
            reply = policy.decide(policy_input, deadline=self._deadline)
            self.progress = self.progress.plus(reply, manager=manager)
            self._record_call(reply, context.span_id)
            action, problem = read_action(
                reply.text,
                context.page,
                by_ref=settings.actions.addressing == "ref",
                navigation=settings.actions.navigation,
            )
            if action is not None and problem is None:
                problem = blocked(action, self._history, context.page, settings.guards)
            if problem is None or len(policy_input.problems) >= settings.retry.invalid_action:
                by = "manager" if manager else policy.name
                return Decision(action, problem, by, low_confidence=low_confidence(reply.text))
            problems = (*policy_input.problems, (reply.text, problem.message))
            seed = sampling_seed(self._job, context.number, len(problems))
            policy_input = policy_input.model_copy(update={"problems": problems, "sampling_seed": seed})

    def _escalate(self, decision: Decision, context: StepContext) -> Decision:
        """The same decision, or the manager's where the escalation rule calls it and it decides otherwise."""
        manager, settings = self._helpers.manager, self._settings.escalation
        if manager is None or self.progress.manager_calls >= settings.max_calls:
            return decision
        proposed = ProposedStep(
            action=decision.action,
            problem=decision.problem,
            by_model=decision.cached is None and decision.macro is None,
            low_confidence=decision.low_confidence,
        )
        reason = escalation_reason(proposed, context.page, context.page_id, self._history, settings)
        if reason is None:
            return decision
        proposal = decision.action.describe() if decision.action is not None and decision.usable else ""
        policy_input = context.policy_input.model_copy(update={"reason": REASON_TEXT[reason], "proposal": proposal})
        answer = self._ask(manager, context._replace(policy_input=policy_input), manager=True)
        if not answer.usable or (decision.usable and answer.same_as(decision)):
            return decision._replace(escalation=reason)
        if decision.macro is not None:
            self._macros.reject()
        return answer._replace(escalation=reason)

    def _guard_notes(self, decision: Decision, page: Observation) -> tuple[str, ...]:
        """The guards' warnings about this step, for the next prompt."""
        if decision.action is None or decision.problem is not None:
            return ()
        note = warning(decision.action, self._history, page, self._settings.guards)
        return (note,) if note else ()

    def _record(self, decision: Decision, context: StepContext, result: StepResult) -> None:
        """Enter a step's result into notes, history, cache, macros and progress."""
        action, verifier = decision.action, self._settings.verifier
        if verifier.after and not result.verdict.good and result.verdict.message:
            self._notes = (*self._notes, result.verdict.message)
        if looping(action, context.page_id, self._history, verifier.loop_after):
            self._notes = (*self._notes, "this goes round in circles; do something else")
        self._history.append(result.as_past_step(action, context.page, context.page_id))
        if self._cache is not None and action is not None:
            self._cache.record(
                context.page,
                action,
                result.after,
                changed=result.changed(action, context.page),
                over=result.state.over,
                used=decision.cached,
            )
        if decision.macro is not None:
            self._macros.record(good=result.verdict.good)
        else:
            self._macros.reset()
        self.progress = self.progress.model_copy(
            update={
                "cache_hits": self.progress.cache_hits + (decision.cached is not None),
                "macro_steps": self.progress.macro_steps + (decision.macro is not None),
            }
        )

    def _record_call(self, reply: PolicyReply, parent: str) -> None:
        call = reply.call
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


def environment_name(environment: Environment) -> str:
    """What the cache and mined skills call a benchmark."""
    return str(getattr(environment, "name", type(environment).__name__.lower()))
