"""Scores, feedback and assessments of a trace: rows of `scores`, and the outcome where one gives it.

Platforms hold judgements of any kind on any scale. The attempt's outcome comes only from one whose name plainly means
the task's result, on a scale from 0 to 1 or as a yes or no; averages do not count.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.rows import ScoreRow, Trace

# Names of the task's result, the plainest first; case and separators do not matter.
_RESULTS = (
    "reward",
    "outcome",
    "success",
    "task success",
    "resolved",
    "solved",
    "passed",
    "pass",
    "correct",
    "correctness",
    "score",
    "accuracy",
)
_WORDS = {
    "success": 1.0,
    "pass": 1.0,
    "passed": 1.0,
    "true": 1.0,
    "yes": 1.0,
    "correct": 1.0,
    "resolved": 1.0,
    "failure": 0.0,
    "fail": 0.0,
    "failed": 0.0,
    "false": 0.0,
    "no": 0.0,
    "incorrect": 0.0,
    "unresolved": 0.0,
}


class Judgement(NamedTuple):
    """A score or label that somebody gave; `whole` says that it is of the whole trace, not of a part."""

    name: str
    value: float | None
    label: str | None
    source: str
    whole: bool = True


def judgement(name: Any, value: Any, source: str, *, label: Any = None, whole: bool = True) -> Judgement | None:
    """A judgement from a value of any type; None where there is neither a number nor a text.

    Args:
        name: what is judged.
        value: a number or boolean becomes the score, anything else the label.
        source: who judged.
        label: a verdict in words beside the value.
        whole: whether the judgement is of the whole trace, not of one span.
    """
    score = values.number(value) if isinstance(value, bool | int | float) else None
    words = value if label is None and score is None else label
    verdict = values.text(words) if words not in ("", None) else None
    if score is None and verdict is None:
        return None
    return Judgement(values.text(name) or "score", score, verdict, source, whole)


def judged(trace: Trace, judgements: Sequence[Judgement]) -> Trace:
    """The trace with judgements as scores; without an outcome it gets that of the judgement of the task's result."""
    attempt = trace.attempt
    rows = [ScoreRow(attempt.trace_id, j.name, j.value, j.label, j.source) for j in judgements]
    trace.scores.extend(rows)
    score = _result(judgements) if attempt.outcome is None and attempt.score is None else None
    if score is not None:
        trace.attempt = attempt._replace(outcome=values.outcome_of(score), score=score)
    return trace


def _result(judgements: Sequence[Judgement]) -> float | None:
    named = {re.sub(r"[^a-z]+", " ", j.name.lower()).strip(): j for j in reversed(judgements) if j.whole}
    for name in _RESULTS:
        if name in named:
            found = named[name]
            score = found.value if found.value is not None else _WORDS.get((found.label or "").strip().lower())
            if score is not None and 0 <= score <= 1:
                return score
    return None
