"""Answers a question about traces: agents collect evidence, and the answer is written from what was confirmed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_opt.analysis.claims.answer_text import (
    AnswerEvidence,
    WrittenAnswer,
    answer_evidence,
    points_as_answer,
    write_answer,
)
from halo_opt.analysis.records import AnalysisResult, Ended, Event, QuestionTask
from halo_opt.analysis.session.analyze_traces import Subject, open_traces, question_traces
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.session import Session
from halo_opt.core.errors import BudgetSpent
from halo_opt.core.records import json_of
from halo_opt.llm.ledger import Spend
from halo_opt.llm.model import ModelError


@dataclass(frozen=True)
class QuestionResult:
    """The evidence for a question and the written answer. `result` says why the run ended, also while writing."""

    question: str
    store: Path
    result: AnalysisResult
    evidence: AnswerEvidence
    written: WrittenAnswer
    spent: Spend

    @property
    def unsupported(self) -> list[str]:
        """What was removed from the points of the agents and from the written answer, a line each."""
        answer = self.result.answer
        points = [line for point in answer.points for line in point.corrections] if answer else []
        return [*(answer.dropped if answer else []), *points, *self.written.corrections]

    def document(self) -> dict[str, Any]:
        """The result as JSON data."""
        cited = set(self.written.cited)
        # The cost is unknown, not 0, when no call has a price.
        cost = None if 0 < self.spent.unpriced_calls == self.spent.calls else self.spent.cost_usd
        pieces = [{**json_of(piece), "cited": piece.number in cited} for piece in self.evidence.pieces]
        return {
            "question": self.question,
            "answer": self.written.text,
            "evidence": pieces,
            "points": json_of(self.evidence.points),
            "unsupported": self.unsupported,
            "ended": self.result.ended.value,
            "reason": self.result.reason,
            "models": self.result.models,
            "agents": self.result.agents,
            "turns": self.result.turns,
            "faults": self.result.faults,
            "spend": {**json_of(self.spent), "cost_usd": cost},
        }


def answer_question(
    subject: Subject,
    question: str,
    session: Session,
    options: AnalysisOptions,
    *,
    watch: Callable[[Event], None],
    during: Callable[[], AbstractContextManager[None]],
    show: Callable[[str], None],
) -> QuestionResult:
    """Run the agents, then write the answer from the evidence that was confirmed.

    A limit that is reached or a model that fails raises nothing: `result` says so, and the answer is then the list of
    points.

    Args:
        subject: The traces.
        question: The question.
        session: The models.
        options: Limits, and the folder of the harness.
        watch: Called with each event of the agents.
        during: A context manager that is entered while the agents run.
        show: Called with each checked sentence of the answer.
    """
    with during(), open_traces(subject) as traces:
        _, result = question_traces(traces, session, options, QuestionTask(question=question), watch=watch)
    evidence = answer_evidence(result.answer)
    written, result = _write(question, evidence, session, result, show)
    return QuestionResult(question, subject.store, result, evidence, written, session.spent)


def _write(
    question: str, evidence: AnswerEvidence, session: Session, result: AnalysisResult, show: Callable[[str], None]
) -> tuple[WrittenAnswer, AnalysisResult]:
    if not evidence.pieces or result.ended is Ended.INTERRUPTED:
        return points_as_answer(evidence, show), result
    begun: list[str] = []

    def show_begun(sentence: str) -> None:
        begun.append(sentence)
        show(sentence)

    try:
        return write_answer(question, evidence, session.roles.root.model, show_begun), result
    except BudgetSpent as error:
        ended, reason = Ended.BUDGET, str(error)
    except ModelError as error:
        ended, reason = Ended.MODEL, str(error)
    if begun:
        show("\n\n[the answer was cut off here; what was noted:]\n")
    why = {} if result.reason else {"ended": ended, "reason": reason}
    return points_as_answer(evidence, show), result.model_copy(update=why)
