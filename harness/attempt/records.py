"""The data of one attempt: what it has used, the context and decision of a step, and how the attempt ended."""

import hashlib
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action, ActionProblem
from harness.decide.cache.store import CachedAction
from harness.decide.escalation import EscalationReason
from harness.decide.policy import PolicyInput, PolicyReply
from harness.envs.base import TaskState
from harness.models.costs import ModelUsage, with_call
from harness.observe.observation import Observation
from harness.record.results import Job

# The least score that counts as success. Graders that give fractions give less than this for a part of the task.
SUCCESS = 0.99


class Progress(BaseModel):
    """What an attempt has used so far. It is sent on after every step, so that a killed attempt counts its tokens.

    `tokens_in` and `tokens_out` are the sums over worker and manager; `manager_tokens_in` and `manager_tokens_out` are
    the manager's part of them.
    """

    model_config = ConfigDict(frozen=True)

    goal: str = ""
    steps: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    manager_tokens_in: int | None = None
    manager_tokens_out: int | None = None
    model_answered: bool = False
    usage: dict[str, ModelUsage] = {}
    cache_hits: int = 0
    macro_steps: int = 0
    manager_calls: int = 0
    worker_calls: int = 0
    cache_problem: str | None = None

    def plus(self, reply: PolicyReply, *, manager: bool) -> "Progress":
        """With one more reply of the worker or the manager. A call without token counts leaves the sums unchanged."""
        counter = "manager_calls" if manager else "worker_calls"
        update: dict[str, object] = {counter: getattr(self, counter) + 1}
        if (call := reply.call) is not None:
            update |= {
                "tokens_in": _sum(self.tokens_in, call.tokens_in),
                "tokens_out": _sum(self.tokens_out, call.tokens_out),
                "model_answered": True,
                "usage": with_call(self.usage, call),
            }
            if manager:
                update["manager_tokens_in"] = _sum(self.manager_tokens_in, call.tokens_in)
                update["manager_tokens_out"] = _sum(self.manager_tokens_out, call.tokens_out)
        return self.model_copy(update=update)

    def totals(self) -> dict[str, int | str | None]:
        """Attributes of the attempt's own span."""
        return {
            "halo.cache.hits": self.cache_hits,
            "halo.macro.steps": self.macro_steps,
            "halo.manager.calls": self.manager_calls,
            "halo.worker.calls": self.worker_calls,
            "halo.cache.problem": self.cache_problem,
        }


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else (a or 0) + b


class AttemptEnd(BaseModel):
    """How an attempt ended: the task's final state, the reason (`task_over`, `done`, `step_limit`), the last step."""

    model_config = ConfigDict(frozen=True)

    state: TaskState
    reason: str
    last_step: str

    @property
    def success(self) -> bool:
        """Whether the task was solved. An unfinished task has no score and counts as a failure."""
        return (self.state.score or 0.0) > SUCCESS


class StepContext(NamedTuple):
    """One step before its decision.

    `page` is what was observed, `page_id` its fingerprint without what changes by itself, `policy_input` what the
    worker is given.
    """

    number: int
    span_id: str
    page: Observation
    page_id: str
    policy_input: PolicyInput


class Decision(NamedTuple):
    """What is to be done in a step, and who decided it: `cache`, `macro`, `worker`, `rules` or `manager`.

    `cached` and `macro` say which cached action or macro skill it is; `escalation` why the manager was called.
    """

    action: Action | None
    problem: ActionProblem | None
    by: str
    cached: CachedAction | None = None
    macro: str | None = None
    low_confidence: bool = False
    escalation: EscalationReason | None = None

    @property
    def usable(self) -> bool:
        """Whether it is an action without a known problem."""
        return self.action is not None and self.problem is None

    def same_as(self, other: "Decision") -> bool:
        """Whether both are the same action."""
        a, b = self.action, other.action
        return a is not None and b is not None and (a.key, a.text) == (b.key, b.text)

    def describe(self) -> str:
        """The action as text."""
        return self.action.describe() if self.action else "unusable reply"


def sampling_seed(job: Job, step: int, retry: int) -> int:
    """A seed for one model call: the same when the attempt is run again, different for another attempt number."""
    text = f"{job.task_id}|{job.seed}|{job.attempt}|{step}|{retry}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF
