"""Our engine on the questions, with a scripted model that makes no mistake.

The engine runs as it is, through its own OpenAI client; a local server plays the model.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rlm.questions import Asked, Question, Row, stands, told
from benchmarks.rlm.wire import Body, Exchange, Said, results_of, wire
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import MAX_LIST
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, QuestionTask
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.records import Value
from halo_opt.core.report_records import Report
from halo_opt.llm.cassette import Cassette
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.open_roles import RoleSettings, open_roles
from halo_opt.store import Store

# As the peer's command line assumes: a hosted model whose context holds everything.
CONTEXT = 128_000
THOUGHT = "Count it in SQL."


class Ours:
    """Plays the root's model: a query (or a contrast) a turn, then the answer."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = asked
        self.answered = [False] * len(asked)

    def play(self, body: Body) -> Said:
        """The next reply, by how many answers of tools are in the conversation; the first message is the task."""
        results = results_of(body)[1:]
        if len(results) < len(self._asked):
            question = self._asked[len(results)].question
            action = {"tool": "sql", "query": question.sql}
            if question.predicate:
                action = {"tool": "contrast", "title": question.name, "predicate_sql": question.predicate}
            return _turn(action)
        for number, result in enumerate(results):
            self.answered[number] = stands(self._asked[number].rows, result)
        points = [p for one, right in zip(self._asked, self.answered, strict=True) if right for p in _points(one)]
        return _turn({"tool": "submit_answer", "points": points or [{"text": "The tools did not give the answer."}]})


def _turn(action: dict[str, Any]) -> Said:
    return Said(json.dumps({"thought": THOUGHT, "actions": [action]}, ensure_ascii=False))


def _points(asked: Asked) -> list[dict[str, Any]]:
    """The answer with its evidence: the contrast's name, a query for each figure, or a quote for a row."""
    question = asked.question
    if question.predicate:
        return [{"text": question.name, "contrasts": [Hypotheses().add("", question.predicate).name]}]
    if not question.cells:
        quotes = [{"trace_id": _attempt(question, row), "words": str(row[-1])} for row in asked.rows]
        return [{"text": told([row[:-1] for row in asked.rows]), "quotes": quotes}]
    numbers = []
    for row in asked.rows:
        label = " ".join(cell for cell in row if isinstance(cell, str))
        heads = [head for head, cell in zip(asked.columns, row, strict=True) if isinstance(cell, int)]
        values = [cell for cell in row if isinstance(cell, int)]
        for head, value, sql in zip(heads, values, question.evidence(row), strict=True):
            numbers.append({"name": f"{label} {head}".strip()[:80], "value": value, "sql": sql})
    pages = [numbers[first : first + MAX_LIST] for first in range(0, len(numbers), MAX_LIST)]
    return [{"text": question.name, "numbers": page} for page in pages]


def _attempt(question: Question, row: Row) -> str:
    """The attempt that a row's quote is of: its first column, or the one that the question is about."""
    found = re.search(r"trace_id = '(\w+)'", question.sql)
    return found[1] if found else str(row[0])


def ask(store: Store, report: Report, asked: Sequence[Asked]) -> tuple[list[bool], list[Exchange]]:
    """Run one analysis on these questions; return whether each was answered, and what was sent."""
    ours = Ours(asked)
    words = "\n".join(one.question.words for one in asked)
    ledger = Ledger(Budget())
    with wire(ours.play) as server, tempfile.TemporaryDirectory() as cache:
        spec = f"vllm:played@{server.url}"
        settings = RoleSettings(context_tokens={"root": CONTEXT})
        with open_roles(
            {"root": spec}, cache_dir=Path(cache), ledger=ledger, cassette=Cassette(), settings=settings
        ) as roles:
            result = run_agents(
                ToolContext(store=store, report=report, hypotheses=Hypotheses()),
                roles,
                task=QuestionTask(question=words),
                limits=AnalysisLimits(turns=20),
                ledger=ledger,
                tools=ALL,
            )
        exchanges, faults = server.take(), server.faults
    if faults:
        raise SystemExit(f"the script of our side failed: {faults[0]}")
    return _kept(ours.answered, asked, result), exchanges


def _kept(answered: Sequence[bool], asked: Sequence[Asked], result: AnalysisResult) -> list[bool]:
    """Whether each question is still answered after the engine's own check of numbers, counts and quotes."""
    points = result.answer.points if result.answer else []
    said: set[tuple[Any, ...]] = {_row(one.counts) for point in points for one in point.contrasts}
    said |= {(number.name, number.value) for point in points for number in point.numbers}
    quotes = [(quote.trace_id, _folded(quote.words)) for point in points for quote in point.quotes]
    return [
        right and _figures(one) <= said and all(_stands(*words, quotes) for words in _words(one))
        for right, one in zip(answered, asked, strict=True)
    ]


def _row(counts: Mapping[str, Value]) -> Row:
    return tuple(counts[name] for name in ("failures_with", "failures", "successes_with", "successes"))


def _figures(asked: Asked) -> set[tuple[Any, ...]]:
    if asked.question.predicate:
        return set(asked.rows)
    return {(number["name"], number["value"]) for point in _points(asked) for number in point.get("numbers", [])}


def _words(asked: Asked) -> list[tuple[str, str]]:
    return [(quote["trace_id"], quote["words"]) for point in _points(asked) for quote in point.get("quotes", [])]


def _stands(trace_id: str, words: str, quotes: Sequence[tuple[str, str]]) -> bool:
    """What stands is the whole sentence of a quote, white space folded."""
    return any(trace_id == one and _folded(words) in text for one, text in quotes)


def _folded(text: str) -> str:
    return " ".join(text.split())
