"""Carries out a decided action on the page, observes the page afterwards, and writes the action's TOOL span."""

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

from harness.act.actions import Action, ActionProblem
from harness.act.execute import ExecutionProblem, perform
from harness.act.history import PastStep
from harness.check.verifier import Verdict, judge, stale
from harness.envs.base import Environment, TaskState
from harness.observe.live_page import observe, take_screenshot, wait_until_quiet
from harness.observe.observation import Observation, opened_by
from harness.record.tracing import Tracer, now, tool_attributes
from harness.settings.schema import HarnessSettings


class StepResult(NamedTuple):
    """The result of one step.

    `text` says what was done, or why nothing was; `problem` is what was wrong, if anything; `after` is the page and
    `state` the task after the step; `verdict` is the verifier's.
    """

    text: str
    problem: ActionProblem | None
    after: Observation
    state: TaskState
    verdict: Verdict

    def changed(self, action: Action | None, before: Observation) -> bool | None:
        """Whether the page changed; None when no action ran that could change it."""
        if action is None or self.problem is not None or action.name == "done":
            return None
        return self.after.fingerprint != before.fingerprint or self.state.over

    def as_past_step(self, action: Action | None, before: Observation, page_id: str) -> PastStep:
        """The step as the attempt's history keeps it; `page_id` is the page's fingerprint for the loop detector."""
        changed, ran = self.changed(action, before), action is not None and self.problem is None
        result = self.text
        if changed is not None:
            result = "the page changed" if changed else "nothing changed"
        return PastStep(
            action=action,
            result=result,
            layout=before.layout,
            before=before.fingerprint,
            changed=changed,
            ran=ran,
            opened=self.after.layout if ran and opened_by(before, self.after) else None,
            page=page_id,
            failed=not self.verdict.good,
        )


class PageDriver:
    """Observes and acts on the page of one attempt."""

    def __init__(self, page: Page, environment: Environment, settings: HarnessSettings, tracer: Tracer) -> None:
        self._page, self._env, self._settings, self._tracer = page, environment, settings, tracer

    def observe(self) -> Observation:
        """The page, once it is quiet."""
        wait_until_quiet(self._page, exclude=self._env.exclude)
        return self._observe_now()

    def _observe_now(self) -> Observation:
        return observe(self._page, exclude=self._env.exclude)

    def screenshot(self, folder: Path | None, index: int) -> tuple[bytes | None, str | None]:
        """Save a screenshot of step `index`.

        Returns:
            The PNG and its path relative to the run folder; both None where the settings want no screenshot or the
            page cannot be drawn.
        """
        if self._settings.observation.screenshot == "off" or folder is None:
            return None, None
        png = take_screenshot(self._page)
        if png is None:
            return None, None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"step_{index:03d}.png"
        path.write_bytes(png)
        return png, "/".join(path.parts[-4:])

    def act(self, action: Action | None, problem: ActionProblem | None, before: Observation, parent: str) -> StepResult:
        """Perform an action unless it has a problem already, then observe.

        Args:
            action: The decided action; None when the reply held none.
            problem: Why it cannot be performed, if that is known.
            before: The page that the action was decided on.
            parent: Id of the step's span.
        """
        if action is None:
            verdict = judge(None, problem, before, before, over=False)
            text = problem.message if problem else ""
            return StepResult(text, problem, before, self._env.state(self._page), verdict)
        started = now()
        text, problem = self._perform(action, problem, before)
        state, after = self._observe_after(before, acted=action.name != "done")
        self._write_span(action, problem, text, before, started=started, parent=parent)
        return StepResult(text, problem, after, state, judge(action, problem, before, after, over=state.over))

    def _perform(
        self, action: Action, problem: ActionProblem | None, before: Observation
    ) -> tuple[str, ActionProblem | None]:
        """(what was done or why nothing was, what was wrong)."""
        target = before.by_ref(action.ref) if action.ref is not None else None
        if problem is None and self._settings.verifier.before and target is not None:
            problem = stale(action, target, self._observe_now())
        if problem is not None:
            return problem.message, problem
        try:
            return perform(self._page, action, target), None
        except ExecutionProblem as error:
            return str(error), ActionProblem(type="execution", message=str(error))

    def _observe_after(self, before: Observation, *, acted: bool) -> tuple[TaskState, Observation]:
        """The task's state and the page after an action. A task that is over needs no second observation."""
        state = self._env.state(self._page)
        if not acted:
            return state, before
        if not state.over:
            wait_until_quiet(self._page, exclude=self._env.exclude)
            state = self._env.state(self._page)
        return state, before if state.over else self._observe_now()

    def _write_span(
        self,
        action: Action,
        problem: ActionProblem | None,
        text: str,
        before: Observation,
        *,
        started: str,
        parent: str,
    ) -> None:
        target = before.by_ref(action.ref) if action.ref is not None else None
        parameters = {"target": action.label or None, "text": action.text}
        self._tracer.write(
            f"execute_tool {action.name}",
            tool_attributes(
                action.name,
                {k: v for k, v in parameters.items() if v is not None},
                f'{target.role} "{target.label}"' if target else action.label,
                text,
                problem.type if problem else None,
            ),
            start=started,
            end=now(),
            parent=parent,
            error=problem.message if problem else None,
        )
