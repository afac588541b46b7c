"""Does a decided action on the page, looks at what came of it, and writes the span of it. Decides nothing."""

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

from harness.act.actions import Action, ActionProblem
from harness.act.execute import ExecutionProblem, perform
from harness.act.history import Past
from harness.check.verifier import Verdict, judge, stale
from harness.envs.base import Environment, TaskState
from harness.observe.live_page import observe, picture, settle
from harness.observe.observation import Observation, opened_by
from harness.record.tracing import Tracer, now, tool_attributes
from harness.settings.schema import HarnessSettings


class Outcome(NamedTuple):
    """What came of a step: in words, what was wrong, the page and the task now, and the verifier's verdict."""

    words: str
    problem: ActionProblem | None
    after: Observation
    state: TaskState
    verdict: Verdict

    def changed(self, action: Action | None, seen: Observation) -> bool | None:
        """Whether the page changed; None when no action ran that could change it."""
        if action is None or self.problem is not None or action.name == "done":
            return None
        return self.after.fingerprint != seen.fingerprint or self.state.over

    def past(self, action: Action | None, seen: Observation, page: str) -> Past:
        """The step as the attempt remembers it."""
        changed, ran = self.changed(action, seen), action is not None and self.problem is None
        return Past(
            action=action,
            result=self.words if changed is None else "the page changed" if changed else "nothing changed",
            layout=seen.layout,
            before=seen.fingerprint,
            changed=changed,
            ran=ran,
            opened=self.after.layout if ran and opened_by(seen, self.after) else None,
            page=page,
            failed=not self.verdict.good,
        )


class Hands:
    """Acts on one page of one attempt."""

    def __init__(self, page: Page, environment: Environment, settings: HarnessSettings, tracer: Tracer) -> None:
        self._page, self._env, self._settings, self._tracer = page, environment, settings, tracer

    def look(self) -> Observation:
        """What the page shows once it is quiet."""
        settle(self._page, exclude=self._env.exclude)
        return observe(self._page, exclude=self._env.exclude)

    def picture(self, folder: Path | None, index: int) -> tuple[bytes | None, str | None]:
        """(a picture of the page, its path from the run folder); None where none is wanted or it cannot be drawn."""
        if self._settings.observation.screenshot == "off" or folder is None:
            return None, None
        png = picture(self._page)
        if png is None:
            return None, None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"step_{index:03d}.png"
        path.write_bytes(png)
        return png, "/".join(path.parts[-4:])

    def act(self, action: Action | None, problem: ActionProblem | None, seen: Observation, parent: str) -> Outcome:
        """Do it, unless something is wrong with it, and look."""
        if action is None:
            verdict = judge(None, problem, seen, seen, over=False)
            return Outcome(problem.words if problem else "", problem, seen, self._env.state(self._page), verdict)
        started = now()
        words, problem = self._do(action, problem, seen)
        state, after = self._look_after(seen, acted=action.name != "done")
        self._write(action, problem, words, seen, started=started, parent=parent)
        return Outcome(words, problem, after, state, judge(action, problem, seen, after, over=state.over))

    def _do(self, action: Action, problem: ActionProblem | None, seen: Observation) -> tuple[str, ActionProblem | None]:
        """(what was done or why not, what was wrong)."""
        target = seen.by_ref(action.ref) if action.ref is not None else None
        if problem is None and self._settings.verifier.before and target is not None:
            problem = stale(action, target, observe(self._page, exclude=self._env.exclude))
        if problem is not None:
            return problem.words, problem
        try:
            return perform(self._page, action, target), None
        except ExecutionProblem as error:
            return str(error), ActionProblem(type="execution", words=str(error))

    def _look_after(self, seen: Observation, *, acted: bool) -> tuple[TaskState, Observation]:
        """Where the task stands and what the page shows after an action, once the page is quiet."""
        if not acted:
            return self._env.state(self._page), seen
        state = self._env.state(self._page)
        if not state.over:
            settle(self._page, exclude=self._env.exclude)
            state = self._env.state(self._page)
        return state, seen if state.over else observe(self._page, exclude=self._env.exclude)

    def _write(
        self, action: Action, problem: ActionProblem | None, words: str, seen: Observation, *, started: str, parent: str
    ) -> None:
        target = seen.by_ref(action.ref) if action.ref is not None else None
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
