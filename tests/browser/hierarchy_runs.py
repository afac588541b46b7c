"""One attempt at a time through the loop itself, in a real browser, with policies that answer as told."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from harness.attempt.loop import AttemptLoop
from harness.attempt.records import AttemptEnd
from harness.decide.helpers import Helpers, helpers_for
from harness.decide.policy import Policy, PolicyInput, PolicyReply
from harness.envs.base import Environment, TaskState
from harness.record.results import Job
from harness.record.tracing import Tracer, new_trace_id
from harness.settings.schema import HarnessSettings

GOOD: dict[str, dict[str, Any]] = {
    "observation": {"element_state": True},
    "actions": {"addressing": "label", "applicable_only": True},
    "verifier": {"before": True, "after": True},
}


class Scripted:
    """A policy that replies in order, then with the last for ever; it keeps what it was shown."""

    def __init__(self, *replies: str, name: str = "worker") -> None:
        self.name, self.replies, self.turns = name, list(replies), list[PolicyInput]()

    def decide(self, turn: PolicyInput, *, deadline: float) -> PolicyReply:
        self.turns.append(turn)
        return PolicyReply(text=self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])


def act(action: str, target: str | None = None, text: str | None = None, **more: str) -> str:
    """A reply."""
    said = {"action": action, "target": target, "text": text, **more}
    return json.dumps({k: v for k, v in said.items() if v is not None})


class Served:
    """A small site of our own as an environment: over when the page's title says so."""

    name = "site"
    exclude = ""

    def __init__(self, base: str, start: str, goal: str) -> None:
        self.address, self._start, self._goal = base.removeprefix("http://"), f"{base}/{start}", goal

    def start(self, page: Page, *_: object) -> str:
        page.goto(self._start)
        return self._goal

    def state(self, page: Page) -> TaskState:
        over = page.title() in {"won", "lost"}
        return TaskState(over=over, score=float(page.title() == "won") if over else None)

    def finish(self, page: Page, answer: str | None) -> TaskState:
        """What `state` says: nothing else is graded."""
        return self.state(page)

    def close(self) -> None:
        """Nothing to stop."""


class Ran:
    """What an attempt left behind."""

    def __init__(self, ending: AttemptEnd, path: Path, loop: AttemptLoop) -> None:
        self.ending, self.progress = ending, loop.progress
        self.spans = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.steps = [s["attributes"] for s in self.spans if s["name"] == "step"]
        self.won = ending.success
        self.by = [s["halo.decided_by"] for s in self.steps]


def settings_of(**groups: dict[str, Any]) -> HarnessSettings:
    """Good settings for the rules policy, with some changed."""
    return HarnessSettings.model_validate({g: {**GOOD.get(g, {}), **groups.get(g, {})} for g in {*GOOD, *groups}})


def run(
    page: Page,
    folder: Path,
    environment: Environment,
    worker: Policy | Callable[[HarnessSettings], Policy],
    *,
    task: str = "miniwob.click-test",
    seed: int = 0,
    manager: Policy | None = None,
    skills: Path | None = None,
    **groups: dict[str, Any],
) -> Ran:
    """One attempt; the cache, where it is on, lies in `folder/cache`."""
    settings = settings_of(**groups)

    def make_manager() -> Policy:
        assert manager is not None
        return manager

    helpers: Helpers = helpers_for(settings, str(folder), None, str(skills) if skills else None, make_manager)
    path = folder / "spans" / f"{new_trace_id()}.jsonl"
    loop = AttemptLoop(
        job=Job(task_id=task, seed=seed),
        page=page,
        environment=environment,
        policy=worker(settings) if callable(worker) else worker,
        settings=settings,
        tracer=Tracer(path, new_trace_id(), {}),
        deadline=time.monotonic() + 100,
        report=lambda _: None,
        helpers=helpers,
        artifacts=folder / "artifacts" / "mode" / "attempt",
    )
    return Ran(loop.run(), path, loop)
