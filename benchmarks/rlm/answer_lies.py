"""The same lies in an answer to a question: by the agent in its points, and by the model that writes the sentences.

Both go through the engine as `halo-opt ask` runs it; only the models are played. Judged by the answer as written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rlm.facts import Facts
from benchmarks.rlm.planted import Planted
from halo_opt.analysis.claims.answer_text import AnswerEvidence, answer_evidence, write_answer
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import MAX_LIST
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.records import AnalysisLimits, QuestionTask
from halo_opt.analysis.tools.all import READING
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.report_records import Report
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.roles import RoleModel, Roles
from halo_opt.store import Store
from halo_opt.testing import ScriptedModel


@dataclass(frozen=True)
class LyingAnswer:
    """What became of some statements: the evidence of the points, and the sentences of the writer, in their order."""

    evidence: AnswerEvidence
    written: str


def sayable(planted: Planted) -> bool:
    """Whether an answer could say it too: it lies in words, numbers or quotes, and not in what only a claim has."""
    never = [words for words in planted.never if not words.startswith("category=")]
    said = str([planted.claim["claim"], planted.claim.get("numbers"), planted.claim["quotes"]])
    quotes = planted.gone and planted.kind.startswith(("invented", "altered", "quote of nothing"))
    return quotes or any(words.lstrip("=^") in said for words in never) or bool(planted.kept)


def told_in_answer(store: Store, report: Report, facts: Facts, planted: Sequence[Planted]) -> LyingAnswer:
    """An answer whose points are these statements (at most 12), written by a model that says them once more."""
    asked = Hypotheses()
    contrast = {"tool": "contrast", "title": "It takes its time", "predicate_sql": facts.predicate}
    name = Hypotheses().add("", facts.predicate).name
    points = [_point(one, name) for one in planted]
    turns = [[contrast], [{"tool": "submit_answer", "points": points}]]
    script = [json.dumps({"thought": "I say so.", "actions": actions}) for actions in turns]
    result = run_agents(
        ToolContext(store, report, asked),
        Roles(RoleModel(ScriptedModel(script, name="liar"), 1_000_000, 4_000), {}),
        task=QuestionTask(question="Why do they fail?"),
        limits=AnalysisLimits(turns=3, parallel=1),
        ledger=Ledger(Budget()),
        tools=READING,
    )
    evidence = answer_evidence(result.answer)
    said = "\n".join(one.claim["claim"] for one in planted)
    return LyingAnswer(evidence, write_answer("Why?", evidence, ScriptedModel([said]), lambda _sentence: None).text)


def _point(one: Planted, name: str) -> dict[str, object]:
    # A lie about a quote has nothing else to stand on.
    contrasts = [] if one.gone else [name]
    return {
        "text": one.claim["claim"],
        "contrasts": contrasts,
        "numbers": one.claim.get("numbers", []),
        "quotes": one.claim["quotes"],
    }


def judged_answers(
    store: Store, report: Report, facts: Facts, planted: Sequence[Planted]
) -> tuple[list[str], list[str]]:
    """What of the lies stands in an answer, and what true was struck from one; in points and in sentences."""
    through: list[str] = []
    struck: list[str] = []
    # A quote that must be gone is judged by itself: then nothing is left that the answer could rest on.
    alone = [[one] for one in planted if one.gone]
    others = [one for one in planted if not one.gone]
    for some in [*alone, *(others[first : first + MAX_LIST] for first in range(0, len(others), MAX_LIST))]:
        told = told_in_answer(store, report, facts, some)
        said = [point.text for point in told.evidence.points]
        for one in some:
            if one.kept:
                struck += [] if one.kept in said else [f"in a point: {one.kept}"]
                struck += [] if one.kept in told.written.splitlines() else [f"in a sentence: {one.kept}"]
                continue
            if one.gone:
                through += [f"{one.kind}: in an answer: {piece.words[:60]}" for piece in told.evidence.pieces]
                continue
            through += [f"{one.kind}: in an answer: {never}" for never in one.never if _stands(never, one, told, said)]
    return through, struck


def _stands(never: str, one: Planted, told: LyingAnswer, said: Sequence[str]) -> bool:
    if any(number["name"] == never for number in one.claim.get("numbers", [])):
        return any(
            piece.name == never and piece.sql == one.claim["numbers"][0]["sql"] for piece in told.evidence.pieces
        )
    if never.startswith("="):
        return any(piece.value == float(never[1:]) for piece in told.evidence.pieces)
    if never.startswith("^"):
        return any(piece.words.strip().startswith(never[1:]) for piece in told.evidence.pieces)
    return any(never in words for words in (*said, told.written, *(piece.name for piece in told.evidence.pieces)))
