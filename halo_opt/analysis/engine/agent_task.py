"""What an agent is given, its task and the services that all agents share, and the result that it returns."""

from dataclasses import dataclass, field

from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.engine.model_calls import ModelCalls
from halo_opt.analysis.engine.row_answers import AnswerCache
from halo_opt.analysis.records import AnalysisLimits, Answer, Ended, QuestionTask, RecordedClaim, Task
from halo_opt.analysis.tools.base import Tool

DELEGATE, LLM_MAP, PYTHON = "delegate", "llm_map", "python"

# Fixed texts for prompts: an amount that was spent, or a provider's message, would differ from run to run.
FINAL_REASONS = {
    Ended.TURNS: "no turns are left",
    Ended.BUDGET: "the budget is spent",
    Ended.TIME: "the time is over",
    Ended.MODEL: "the model gave no reply that could be used",
    Ended.UNUSABLE: "the model gave no reply that could be used",
}
_OWN_REASONS = (Ended.TURNS, Ended.MODEL, Ended.UNUSABLE)


@dataclass(frozen=True)
class AgentServices:
    """What all agents of one analysis share."""

    calls: ModelCalls
    limits: AnalysisLimits
    sources: ClaimSources
    tools: tuple[Tool, ...]


@dataclass(frozen=True)
class AgentTask:
    """The work of one agent.

    Attributes:
        name: `root`, `root.1`, `root.1.2`.
        task: a report or a question.
        depth: levels below the root.
        sub_agents: how many agents may work below this one, in all.
        known_claims: keys of claims that are recorded already.
    """

    name: str
    task: Task
    depth: int = 0
    sub_agents: int = 0
    known_claims: frozenset[str] = frozenset()

    @property
    def answers_question(self) -> bool:
        """Whether it ends with an answer, not with a report; a sub-agent reports whatever it is asked."""
        return self.depth == 0 and isinstance(self.task, QuestionTask)


@dataclass(frozen=True)
class AgentResult:
    """What an agent returns.

    Attributes:
        name: the agent's name.
        ended: why it stopped.
        reason: the same in words; '' where it stopped by submitting.
        submitted: whether it submitted a report or an answer, if only in its final reply.
        summary, answer: what it submitted.
        claims: the claims that it and its sub-agents recorded.
        learned: what it and its sub-agents asked the `map` model, with the answers.
        agents: how many agents worked, itself included.
    """

    name: str
    ended: Ended
    reason: str = ""
    submitted: bool = False
    summary: str = ""
    answer: Answer | None = None
    claims: list[RecordedClaim] = field(default_factory=list)
    learned: AnswerCache = field(default_factory=dict)
    agents: int = 1

    @property
    def report(self) -> str:
        """The result as text for the agent that delegated the work. It may repeat words of a trace: fence it."""
        if self.ended is Ended.SUBMITTED:
            ended = "submitted"
        else:
            ended = FINAL_REASONS[self.ended] if self.ended in _OWN_REASONS else "the whole analysis stops"
        claims = [f"{claim.id} {claim.checked.level}: {claim.checked.title}" for claim in self.claims]
        return "\n".join([f"{self.name} ended: {ended}", self.summary or "(no summary)", *claims])
