"""What an attempt uses, decides and ends with, as data shared by the loop and those who start and record it. Pure."""

import hashlib
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.act.actions import Action, ActionProblem
from harness.decide.cache.store import Entry
from harness.decide.escalation import Reason
from harness.decide.policy import Decision, Turn
from harness.envs.base import TaskState
from harness.models.costs import ModelUsage, with_call
from harness.observe.observation import Observation
from harness.record.results import Job

# The least score that counts as success. Graders that give fractions give less than this for a part of the task.
SUCCESS = 0.99


class Progress(BaseModel):
    """What an attempt has used so far; sent on after every step, so that a killed attempt still counts its tokens.

    The tokens of the manager are in the sums too; `manager_tokens_in` and `_out` tell how many, for their price.
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

    def plus(self, decision: Decision, *, manager: bool) -> "Progress":
        """With one more question to the worker or manager. A call without a count leaves the sums as they were."""
        asked = "manager_calls" if manager else "worker_calls"
        update: dict[str, object] = {asked: getattr(self, asked) + 1}
        if (call := decision.call) is not None:
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


class Ending(BaseModel):
    """How the loop ended."""

    model_config = ConfigDict(frozen=True)

    state: TaskState
    reason: str
    words: str

    @property
    def success(self) -> bool:
        """Whether the task was done. No score by now is a failure: the task was not brought to its end."""
        return (self.state.score or 0.0) > SUCCESS


class Moment(NamedTuple):
    """One step before its decision: its number and span, what is seen, its fingerprint, and what a policy is told."""

    number: int
    span_id: str
    seen: Observation
    page: str
    turn: Turn


class Decided(NamedTuple):
    """A decided step, who decided it (`cache`, `macro`, `worker`, `rules`, `manager`), why the manager was asked."""

    action: Action | None
    problem: ActionProblem | None
    by: str
    entry: Entry | None = None
    macro: str | None = None
    unsure: bool = False
    reason: Reason | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be done as far as anybody knows."""
        return self.action is not None and self.problem is None

    def same_as(self, other: "Decided") -> bool:
        """Whether both would do the same."""
        a, b = self.action, other.action
        return a is not None and b is not None and (a.key, a.text) == (b.key, b.text)


def sampling_seed(job: Job, step: int, retry: int) -> int:
    """A seed for one model call: the same when rerun, another for another attempt number."""
    words = f"{job.task_id}|{job.seed}|{job.attempt}|{step}|{retry}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") & 0x7FFFFFFF
