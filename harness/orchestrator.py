"""The loop of one attempt: observe, decide, check, act, record. Knows no benchmark and no model.

An agent's mistake is a step that did nothing; only what is outside the agent raises AttemptError.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Page
from pydantic import BaseModel, ConfigDict

from harness.actions import Action, ActionProblem, read_action
from harness.choices import open_choices
from harness.config import HarnessSettings
from harness.envs.base import Environment, TaskState
from harness.errors import AttemptError, Cause
from harness.execute import ExecutionProblem, page_is_gone, perform
from harness.guards import Past, blocked, warning
from harness.models.costs import ModelUsage, with_call
from harness.obs.model import Observation, opened_by, unfilled
from harness.obs.observe import observe, settle
from harness.obs.render import page_text
from harness.policy.base import Decision, Policy, Turn, mask
from harness.results import Job
from harness.tracing import Tracer, llm_attributes, now, tool_attributes


class Progress(BaseModel):
    """What an attempt has used so far; sent on after every step, so that a killed attempt still counts its tokens."""

    model_config = ConfigDict(frozen=True)

    goal: str = ""
    steps: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    model_answered: bool = False
    usage: dict[str, ModelUsage] = {}

    def plus(self, decision: Decision) -> "Progress":
        """With the tokens of one more call. A call without a count leaves the sums as they were."""
        call = decision.call
        if call is None:
            return self
        return self.model_copy(
            update={
                "tokens_in": _sum(self.tokens_in, call.tokens_in),
                "tokens_out": _sum(self.tokens_out, call.tokens_out),
                "model_answered": True,
                "usage": with_call(self.usage, call),
            }
        )


class Ending(BaseModel):
    """How the loop ended."""

    model_config = ConfigDict(frozen=True)

    state: TaskState
    reason: str
    words: str


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else (a or 0) + b


def sampling_seed(job: Job, step: int, retry: int) -> int:
    """A seed for one model call: the same when rerun, another for another attempt number."""
    words = f"{job.task_id}|{job.seed}|{job.attempt}|{step}|{retry}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") & 0x7FFFFFFF


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
    ) -> None:
        self._job, self._page, self._env = job, page, environment
        self._policy, self._settings, self._tracer = policy, settings, tracer
        self._deadline, self._report = deadline, report
        self._past: list[Past] = []
        self._notes: tuple[str, ...] = ()
        self.progress = Progress()

    def run(self) -> Ending:
        """The whole attempt. Raises AttemptError when it cannot be measured."""
        try:
            return self._run()
        except Error as error:
            if page_is_gone(error):
                raise AttemptError(Cause.BROWSER_DIED, "the browser died during the attempt") from None
            raise AttemptError(
                Cause.ENVIRONMENT_ERROR, f"the page failed: {' '.join(str(error).split())[:200]}"
            ) from None

    def _run(self) -> Ending:
        goal = self._env.start(self._page, self._job)
        self._tell(goal=goal)
        settle(self._page, exclude=self._env.exclude)
        observation = observe(self._page, exclude=self._env.exclude)
        words = ""
        for index in range(self._settings.limits.steps):
            if time.monotonic() >= self._deadline:
                raise AttemptError(Cause.TIME_LIMIT, f"not finished within {self._settings.limits.seconds:g} s")
            action, words, observation, state = self._step(index, goal, observation)
            self._tell(steps=index + 1)
            if state.over:
                return Ending(state=state, reason="task_over", words=words)
            if action is not None and action.name == "done":
                return Ending(state=self._env.finish(self._page, action.text), reason="done", words=words)
        return Ending(state=self._env.finish(self._page, None), reason="step_limit", words=words)

    def _tell(self, **changes: Any) -> None:
        self.progress = self.progress.model_copy(update=changes)
        self._report(self.progress)

    def _turn(self, index: int, goal: str, seen: Observation, problems: tuple[tuple[str, str], ...]) -> Turn:
        settings = self._settings
        length = settings.history.length
        past = self._past[-length:] if length else []
        masked = mask(seen, element_state=settings.observation.element_state)
        shown = {e.ref: e for e in masked.controls}
        choices = [
            c.model_copy(update={"element": shown[c.element.ref]}) if c.element is not None else c
            for c in open_choices(seen, self._past, settings)
        ]
        return Turn(
            goal=goal,
            page=page_text(seen.elements, settings.observation, by_ref=settings.actions.addressing == "ref"),
            observation=masked,
            choices=tuple(choices),
            history=tuple(f"{p.action.phrase() if p.action else 'unusable reply'}: {p.result}" for p in past),
            notes=self._notes,
            problems=problems,
            step=index,
            step_limit=settings.limits.steps,
            sampling_seed=sampling_seed(self._job, index, len(problems)),
        )

    def _decide(
        self, index: int, turn: Turn, seen: Observation, parent: str
    ) -> tuple[Action | None, ActionProblem | None, Turn]:
        """Ask, and ask again with the reason as often as the settings allow."""
        by_ref = self._settings.actions.addressing == "ref"
        while True:
            decision = self._policy.decide(turn, deadline=self._deadline)
            self.progress = self.progress.plus(decision)
            self._record_call(decision, parent)
            action, problem = read_action(decision.reply, seen, by_ref=by_ref)
            if action is not None and problem is None:
                problem = blocked(action, self._past, seen, self._settings.guards)
            if problem is None or len(turn.problems) >= self._settings.retry.invalid_action:
                return action, problem, turn
            problems = (*turn.problems, (decision.reply, problem.words))
            turn = turn.model_copy(
                update={"problems": problems, "sampling_seed": sampling_seed(self._job, index, len(problems))}
            )

    def _step(self, index: int, goal: str, seen: Observation) -> tuple[Action | None, str, Observation, TaskState]:
        """One turn; its span is written whatever happens, so that an error still shows what led to it."""
        started, span_id = now(), self._tracer.root_id[:8] + f"{index:08x}"
        turn = self._turn(index, goal, seen, ())
        attributes: dict[str, Any] = {
            "openinference.span.kind": "CHAIN",
            "halo.step.index": index,
            "input.value": turn.page,
            "halo.page.fingerprint": seen.fingerprint,
            "halo.page.empty_fields": len(unfilled(seen.elements)),
            "halo.decided_by": self._policy.name,
        }
        failed: str | None = "the step was not finished"
        try:
            action, problem, _ = self._decide(index, turn, seen, span_id)
            self._notes = ()
            words, problem, after, state = self._act(action, problem, seen, span_id)
            phrase = action.phrase() if action else "unusable reply"
            ran = problem is None and action is not None
            changed = (
                (after.fingerprint != seen.fingerprint or state.over)
                if ran and action and action.name != "done"
                else None
            )
            target = seen.by_ref(action.ref) if action is not None and action.ref is not None else None
            attributes.update(
                {
                    "output.value": f"{phrase}: {words}",
                    "halo.page.changed": changed,
                    "halo.action.submits": bool(target and target.submits and action and action.name == "click"),
                    "halo.action.error_type": problem.type if problem else None,
                    "halo.action.error": problem.words if problem else None,
                }
            )
            result = words if changed is None else "the page changed" if changed else "nothing changed"
            self._past.append(
                Past(
                    action=action,
                    result=result,
                    layout=seen.layout,
                    before=seen.fingerprint,
                    changed=changed,
                    ran=ran,
                    opened=after.layout if ran and opened_by(seen, after) else None,
                )
            )
            failed = problem.words if problem else None
            return action, f"{phrase}: {words}", after, state
        finally:
            self._tracer.write(
                "step", attributes, start=started, end=now(), parent=self._tracer.root_id, span_id=span_id, error=failed
            )

    def _act(
        self, action: Action | None, problem: ActionProblem | None, seen: Observation, parent: str
    ) -> tuple[str, ActionProblem | None, Observation, TaskState]:
        """(what came of it, what was wrong, the page now, the task now)."""
        if action is None:
            return problem.words if problem else "", problem, seen, self._env.state(self._page)
        started = now()
        target = seen.by_ref(action.ref) if action.ref is not None else None
        words = problem.words if problem else ""
        if problem is None:
            note = warning(action, self._past, seen, self._settings.guards)
            self._notes = (note,) if note else ()
            try:
                words = perform(self._page, action, target)
            except ExecutionProblem as error:
                problem = ActionProblem(type="execution", words=str(error))
                words = problem.words
        state, after = self._look(seen, acted=action.name != "done")
        parameters = {"target": action.words or None, "text": action.text}
        self._tracer.write(
            f"execute_tool {action.name}",
            tool_attributes(
                action.name,
                {k: v for k, v in parameters.items() if v is not None},
                f'{target.role} "{target.label}"' if target else action.words,
                words,
                problem.type if problem else None,
            ),
            start=started,
            end=now(),
            parent=parent,
            error=problem.words if problem else None,
        )
        return words, problem, after, state

    def _look(self, seen: Observation, *, acted: bool) -> tuple[TaskState, Observation]:
        """Where the task stands and what the page shows after an action, once the page is quiet."""
        if not acted:
            return self._env.state(self._page), seen
        state = self._env.state(self._page)
        if not state.over:
            settle(self._page, exclude=self._env.exclude)
            state = self._env.state(self._page)
        return state, seen if state.over else observe(self._page, exclude=self._env.exclude)

    def _record_call(self, decision: Decision, parent: str) -> None:
        call = decision.call
        if call is None:
            return
        attributes = llm_attributes(call.model, call.messages, call.reply, call.tokens_in, call.tokens_out)
        attributes["llm.invocation_parameters"] = str(call.parameters)
        self._tracer.write(
            f"chat {call.model}",
            attributes,
            start=call.started_at,
            end=call.ended_at,
            parent=parent,
            kind="SPAN_KIND_CLIENT",
        )
