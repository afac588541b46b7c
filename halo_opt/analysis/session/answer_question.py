"""A question about traces: agents investigate, their points are checked, and the answer is written from these alone."""

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
    """What was found and what was written of it. `result` says why it ended, also when only the writing was cut."""

    question: str
    store: Path
    result: AnalysisResult
    evidence: AnswerEvidence
    written: WrittenAnswer
    spent: Spend

    @property
    def unsupported(self) -> list[str]:
        """What the agents or the writer said that did not hold."""
        answer = self.result.answer
        points = [line for point in answer.points for line in point.corrections] if answer else []
        return [*(answer.dropped if answer else []), *points, *self.written.corrections]

    def document(self) -> dict[str, Any]:
        """All of it as JSON data."""
        cited = set(self.written.cited)
        # A sum of which no part is known is not nothing.
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
    """Let the agents look (`during` is entered for that long), then write the answer, `show` given each sentence.

    A limit or a model that fails is no error here: `result` says so, and the points stand for the answer then.
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
