"""Scores, feedback and assessments of a trace: rows of `scores`, and the outcome where one gives it.

Platforms hold judgements of any kind on any scale. The attempt's outcome comes only from one whose name plainly means
the task's result, on a scale from 0 to 1 or as a yes or no; averages do not count.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from halo_opt.core.records import Outcome
from halo_opt.store import values
from halo_opt.store.outcomes import DEFAULT_RULE, stated_score, verdict_of
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
_NUMERAL = re.compile(r"\s*[-+.]?\d")
_FULL: dict[Outcome | None, float] = {Outcome.SUCCESS: 1.0, Outcome.FAILURE: 0.0}


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
    if attempt.outcome is None and attempt.score is None:
        verdict, score = _result(judgements)
        trace.attempt = attempt._replace(outcome=verdict, score=score)
    return trace


def _result(judgements: Sequence[Judgement]) -> tuple[str | None, Any]:
    """The verdict and the score of the plainest judgement of the task's result.

    One on a scale that is not known counts only where no other can be used, so that the user is told of it.
    """
    named = {re.sub(r"[^a-z]+", " ", j.name.lower()).strip(): j for j in reversed(judgements) if j.whole}
    stated = [_stated(named[name]) for name in _RESULTS if name in named]
    usable = ((verdict, score) for verdict, score in stated if verdict or DEFAULT_RULE.score(score).number is not None)
    return next(usable, next((found for found in stated if found[1] is not None), (None, None)))


def _stated(found: Judgement) -> tuple[str | None, Any]:
    """The verdict in words and the score of a judgement; a label may be a numeral."""
    verdict = verdict_of(found.label)
    if verdict == Outcome.ERROR:  # the judge failed, which says nothing about the attempt
        return None, None
    score: float | str | None = found.value
    if score is None:
        score = found.label if verdict is None and _NUMERAL.match(found.label or "") else _FULL.get(verdict)
    if stated_score(score).number is None:  # an infinite value is rejected with its row of `scores`
        score = None
    return None if verdict is None else str(verdict), score
