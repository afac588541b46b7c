"""What an agent hands in, its claims and the report or answer that ends its work, and the tools that do so."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import Field, ValidationError

from halo_opt.analysis.claims.answer_check import checked_answer
from halo_opt.analysis.claims.records import MAX_LIST, Claim
from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.engine.agent_task import AgentTask
from halo_opt.analysis.engine.claim_log import ClaimLog, check_result_text, quote_hint
from halo_opt.analysis.engine.turns import json_in, read_turn
from halo_opt.analysis.records import Answer, AnswerPoint
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.core.errors import HaloError
from halo_opt.core.text import visible

MAX_SUMMARY = 4_000
_SUBMITTED = "Submitted."


class ClaimArguments(Arguments, Claim):
    """Arguments of `claim`."""


class ReportArguments(Arguments):
    """Arguments of `submit_report`."""

    summary: str = Field(min_length=1, max_length=MAX_SUMMARY, description="what you found, in a few sentences")
    claims: list[Claim] = Field(default=[], max_length=MAX_LIST, description="claims not recorded yet")


class AnswerArguments(Arguments):
    """Arguments of `submit_answer`."""

    points: list[AnswerPoint] = Field(
        min_length=1,
        max_length=MAX_LIST,
        description="short points; each needs a contrast, a number with its SQL, or a quote",
    )


class Submission:
    """The claims of one agent and its report or answer.

    Attributes:
        claims: the claims recorded so far.
        submitted: whether a report or an answer was submitted; it is in `summary` or `answer`.
        final_tool: the tool that ends the agent's work.
        tools: that tool, and `claim` where the agent may claim. They change this object, so they run one at a time.
    """

    def __init__(
        self, task: AgentTask, sources: ClaimSources, context: ToolContext, on_claim: Callable[[str], None]
    ) -> None:
        self.claims = ClaimLog(task.name, sources, context.hypotheses, task.known_claims, context.scope)
        self.submitted = False
        self.summary = ""
        self.answer: Answer | None = None
        self._context = context
        self._on_claim = on_claim
        if task.answers_question:
            self.final_tool = Tool("submit_answer", "submit the answer; ends your work", AnswerArguments, self._answer)
            tools = [self.final_tool]
        else:
            self.final_tool = Tool("submit_report", "submit the report; ends your work", ReportArguments, self._report)
            claim = Tool("claim", "record a claim; it is checked at once", ClaimArguments, self._claim)
            tools = [claim, self.final_tool]
        self.tools = {tool.name: tool for tool in tools}

    @property
    def is_answer(self) -> bool:
        """Whether the agent submits an answer, not a report."""
        return self.final_tool.arguments is AnswerArguments

    def submit_text(self, text: str) -> None:
        """Submit a final reply: the arguments of the final tool, or a turn that calls it.

        Of a report whatever can be used is taken. Raises ValidationError where the reply holds nothing to submit.
        """
        given: dict[str, Any] = json_in(text) or {}
        if "actions" in given:
            turn = read_turn(text, {self.final_tool.name: self.final_tool}, 100)
            given = next((action.arguments.model_dump() for action in turn.actions if action.arguments is not None), {})
        arguments = AnswerArguments.model_validate(given) if self.is_answer else lenient_report(given, text)
        self.final_tool.run(arguments, self._context)

    def _claim(self, arguments: ClaimArguments, _context: ToolContext) -> str:
        recorded, measured = self.claims.record(Claim.model_validate(arguments.model_dump()))
        text = check_result_text(recorded, measured)
        self._on_claim(text)
        if measured is not None and not recorded.checked.claim.quotes:
            text += quote_hint(recorded, self.claims.sources)
        return visible(text)

    def _report(self, report: ReportArguments, _context: ToolContext) -> str:
        for claim in report.claims:
            try:
                recorded, measured = self.claims.record(claim)
            except HaloError:
                continue  # recorded already, or nothing that can be checked
            self._on_claim(check_result_text(recorded, measured))
        self.summary, self.submitted = report.summary, True
        return _SUBMITTED

    def _answer(self, answer: AnswerArguments, context: ToolContext) -> str:
        self.answer = checked_answer(answer.points, self.claims.sources, context.report, context.hypotheses)
        self.submitted = True
        return _SUBMITTED


def lenient_report(given: Mapping[str, Any], text: str) -> ReportArguments:
    """A report from a reply that may not fit the form: its summary, else its whole text, and the claims that are valid.

    Raises ValidationError where there is no text at all.
    """
    summary = given.get("summary") or ("" if text.lstrip().startswith("{") else text.strip())
    listed = given.get("claims")
    claims: list[Claim] = []
    for claim in listed if isinstance(listed, list) else []:
        with suppress(ValidationError):
            claims.append(Claim.model_validate(claim))
    return ReportArguments(summary=str(summary)[:MAX_SUMMARY], claims=claims[:MAX_LIST])
