"""What an agent is given and what it gives back, shared by the agent and by what hires one. No behaviour."""

from dataclasses import dataclass, replace
from typing import Any

from halo_opt.analysis.engine.claiming import Evidence
from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.records import AnalysisLimits, Answer, Ended, Task
from halo_opt.analysis.tools.base import Desk, Tool

DELEGATE, LLM_MAP, PYTHON = "delegate", "llm_map", "python"


def changed(desk: Desk, **changes: Any) -> Desk:
    """The desk with other values, and with the answers that its guarded queries have had."""
    other = replace(desk, **changes)
    other.__dict__["guarded"] = desk.guarded
    return other


@dataclass(frozen=True)
class Shared:
    """What all agents of one analysis have in common."""

    gate: Gate
    limits: AnalysisLimits
    evidence: Evidence
    tools: tuple[Tool, ...]


@dataclass(frozen=True)
class Errand:
    """What one agent is for. `hires` is how many agents those below it may be in all, `known` predicates that are
    claimed already.
    """

    name: str
    task: Task
    depth: int = 0
    hires: int = 0
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Handed:
    """What an agent handed in, and why it ended. `reason` is '' where it ended by handing in."""

    ended: Ended
    summary: str = ""
    answer: Answer | None = None
    reason: str = ""
