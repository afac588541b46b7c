"""Has a model write the answer to a question from confirmed evidence, and checks it while it is written.

The model that writes has no tools and reads no trace. It is given numbers that were run again, quotes that were found,
and the points that cite them.
"""

import re
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.claims.evidence import combined_evidence, evidence
from halo_opt.analysis.claims.sentences import Sentences
from halo_opt.analysis.records import Answer
from halo_opt.core.prompts import fence, render
from halo_opt.core.records import Interval, Record, Value
from halo_opt.core.report_records import Quoted
from halo_opt.llm.model import Message, Model


class EvidenceItem(Record):
    """A piece of evidence under the number that it is cited by: a number or a contrast with its SQL, or words of an
    attempt.

    Of a contrast `counts` are failures_with, failures, successes_with, successes and the difference (a fraction).
    """

    number: int = Field(ge=1)
    kind: Literal["number", "contrast", "words"]
    name: str = ""
    value: float | None = None
    counts: dict[str, Value] = Field(default={})
    interval: Interval | None = None
    held_fixed: str = ""
    sql: str = ""
    trace_id: str = ""
    step: int | None = None
    words: str = ""


class Point(Record):
    """One thing that the agents noted, and the numbers of the evidence that it rests on."""

    text: str
    citations: list[int]


class AnswerEvidence(Record):
    """What an answer may rest on. The same number or quote under two points is one piece."""

    points: list[Point]
    pieces: list[EvidenceItem]


class WrittenAnswer(Record):
    """An answer as it was shown. `corrections` say what was removed from it; `cited` is in the order of citing."""

    text: str
    cited: list[int]
    corrections: list[str]


def contrast_words(piece: EvidenceItem) -> str:
    """The counts and the difference of a contrast in a sentence; '' for other pieces.

    The interval is left out, so that its ends are not taken for the difference; the list of sources shows it.
    """
    if piece.kind != "contrast":
        return ""
    counts = {name: value for name, value in piece.counts.items() if isinstance(value, int | float)}
    shown = [
        f"{counts[part]:.0f} of {counts[whole]:.0f} {whole}" + _share(counts[part], counts[whole])
        for part, whole in (("failures_with", "failures"), ("successes_with", "successes"))
    ]
    counts_text = f"{' and '.join(shown)} show it"
    if "difference" not in counts:
        return f"{counts_text}; nothing shows that it makes attempts fail"
    low, high = piece.interval or (-1.0, 1.0)
    chance = "; this may be chance" if low <= 0 <= high else ""
    more = "more" if counts["difference"] >= 0 else "less"
    points = abs(100 * counts["difference"])
    held_fixed = piece.held_fixed.lower()
    return f"{counts_text}; {held_fixed}, attempts that show it fail {points:.0f} points {more} often{chance}"


def _share(part: float, whole: float) -> str:
    return f" ({100 * part / whole:.0f}%)" if whole else ""


def answer_evidence(answer: Answer | None) -> AnswerEvidence:
    """Number the evidence of the agents' answer; empty where nothing was confirmed."""
    pieces: dict[str, EvidenceItem] = {}

    def cite(**what: Any) -> int:
        piece = pieces.setdefault(repr(what), EvidenceItem(number=len(pieces) + 1, **what))
        return piece.number

    points = []
    for point in answer.points if answer else []:
        found = [
            cite(kind="contrast", name=c.title, **c.model_dump(exclude={"name", "title"})) for c in point.contrasts
        ]
        found += [cite(kind="number", name=n.name, value=n.value, sql=n.sql) for n in point.numbers]
        found += [cite(kind="words", trace_id=q.trace_id, step=q.step, words=q.words) for q in point.quotes]
        points.append(Point(text=point.text, citations=sorted(set(found))))
    return AnswerEvidence(points=points, pieces=list(pieces.values()))


def write_answer(question: str, evidence: AnswerEvidence, model: Model, show: Callable[[str], None]) -> WrittenAnswer:
    """Have the model write the answer; `show` is called with each checked sentence. Raises what the model raises."""
    checked = _checking(evidence, show)
    try:
        model.complete(_messages(question, evidence), on_text=checked.feed)
    finally:
        checked.close()
    return _written(checked)


def points_as_answer(evidence: AnswerEvidence, show: Callable[[str], None]) -> WrittenAnswer:
    """The list of points with their citations, as the answer where no model can write one."""
    checked = _checking(evidence, show)
    for place, point in enumerate(evidence.points):
        cited = ", ".join(map(str, point.citations))
        checked.feed(("\n" if place else "") + f"- {point.text} [{cited}]")
    checked.close()
    return _written(checked)


def _checking(found: AnswerEvidence, show: Callable[[str], None]) -> Sentences:
    pieces = found.pieces
    numbers = {str(piece.number): (piece.value, piece.sql) for piece in pieces if piece.kind == "number"}
    quotes = [Quoted(trace_id=p.trace_id, step=p.step, words=p.words) for p in pieces if p.kind == "words"]
    contrasts = [evidence(piece.counts, {}, predicate=piece.sql) for piece in pieces if piece.kind == "contrast"]
    return Sentences(
        known=combined_evidence([evidence({}, numbers, quotes=quotes, names=_names(found)), *contrasts]),
        citations=len(pieces),
        quotable=[*(piece.words for piece in pieces), *(piece.name for piece in pieces)],
        show=show,
    )


def _names(found: AnswerEvidence) -> frozenset[str]:
    """The names with a digit, in lower case: of attempts, and those in the checked points."""
    words = [word.strip(".,;:!?()[]\"'`").lower() for point in found.points for word in point.text.split()]
    named = {word for word in words if re.search(r"\d", word) and re.match(r"[^\W\d]", word)}
    return frozenset(named | {piece.trace_id.lower() for piece in found.pieces if piece.trace_id})


def _written(checked: Sentences) -> WrittenAnswer:
    return WrittenAnswer(text=checked.text.strip(), cited=checked.cited, corrections=checked.corrections)


def _messages(question: str, found: AnswerEvidence) -> list[Message]:
    shown = [
        {
            **piece.model_dump(),
            "value": _figure(piece.value),
            "words": fence(piece.words),
            "sentence": contrast_words(piece),
        }
        for piece in found.pieces
    ]
    facts = {"question": question, "points": [point.model_dump() for point in found.points], "evidence": shown}
    return [
        Message(role="system", content=render("answer_system.j2", {})),
        Message(role="user", content=render("answer.j2", facts)),
    ]


def _figure(value: float | None) -> str:
    """A number as text; a whole number has no decimals."""
    if value is None:
        return ""
    return f"{value:.0f}" if value == int(value) else f"{value:.6g}"
