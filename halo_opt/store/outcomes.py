"""From what a trace states about its result, a verdict or a score, to the outcome and score of the attempt."""

import math
from typing import Any, NamedTuple

from halo_opt.core.errors import InputError
from halo_opt.core.records import Outcome
from halo_opt.store import values
from halo_opt.store.rows import AttemptRow, ScoreRow

SCORE_FIELD = "attempts.score"  # the field under which rejects list scores that cannot be used
VERDICT, SCORE, SCORES_FILE = "verdict", "score", "scores file"
# Scores are sums of parts, so that a full score may miss 1 in the last bits.
ROUNDING = 1e-9
REMEDY = (
    "give scores from 0 to 1, or say with --success-at from which score on an attempt counts as a success,"
    " or state the outcomes with --scores FILE"
)
_LONGEST_VALUE = 40
_SUCCESS = ("success", "succeeded", "successful", "pass", "passed", "true", "yes", "correct", "resolved", "solved")
_FAILURE = ("failure", "fail", "failed", "false", "no", "incorrect", "wrong", "unresolved", "unsolved")
# Words that plainly say how an attempt ended. Any other word is a label and no verdict.
VERDICTS: dict[str, Outcome] = {
    **dict.fromkeys(_SUCCESS, Outcome.SUCCESS),
    **dict.fromkeys(_FAILURE, Outcome.FAILURE),
    "error": Outcome.ERROR,
}
_ONE_OR_ZERO: dict[float | None, Outcome] = {1.0: Outcome.SUCCESS, 0.0: Outcome.FAILURE}


def verdict_of(value: Any) -> Outcome | None:
    """The outcome that a word, a yes/no, or a 1 or 0 states; None for anything else."""
    if isinstance(value, int | float):
        return _ONE_OR_ZERO.get(float(value) if abs(value) <= 1 else None)
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    return VERDICTS.get({"1": "success", "0": "failure"}.get(word, word))


class StatedScore(NamedTuple):
    """A score as it was stated: its number on the scale of whoever gave it, or why it is none."""

    number: float | None
    problem: str | None = None


def stated_score(value: Any) -> StatedScore:
    """The number of a score that is a number, a numeral, a yes/no or a verdict in words.

    A list or object holds scores of parts and is no score itself; nothing is wrong with it.
    """
    if value is None or isinstance(value, list | dict) or (isinstance(value, str) and not value.strip()):
        return StatedScore(None)
    word = VERDICTS.get(value.strip().lower()) if isinstance(value, str) else None
    if word is not None:
        return StatedScore({Outcome.SUCCESS: 1.0, Outcome.FAILURE: 0.0}.get(word))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError):
        return StatedScore(None, "is not a number")
    return StatedScore(number) if math.isfinite(number) else StatedScore(None, "is not a finite number")


def shown(value: Any) -> str:
    """A stated score as text for a person, cut where it is long."""
    words = value if isinstance(value, str) else repr(value)
    return words if len(words) <= _LONGEST_VALUE else f"{words[:_LONGEST_VALUE]}..."


def reward_rows(attempt: AttemptRow, source: str) -> list[ScoreRow]:
    """The row of `scores` for the score that a trace states, on the scale of whoever gave it; none without a number."""
    if attempt.outcome == Outcome.ERROR:
        return []
    number = stated_score(attempt.score).number
    if number is None:  # an infinite one is for the sink to reject
        number = None if isinstance(attempt.score, list | dict) else values.number(attempt.score)
    label = attempt.outcome if attempt.outcome_from in (None, VERDICT) else None
    return [] if number is None else [ScoreRow(attempt.trace_id, "reward", number, label, source)]


class Judged(NamedTuple):
    """An attempt with its outcome and score decided, and what is wrong with the score that its trace states."""

    attempt: AttemptRow
    problem: str | None


class OutcomeRule(NamedTuple):
    """How a score becomes an outcome.

    Attributes:
        success_at: The user's threshold: an attempt with this score or more is a success. None for a full score of 1.
            A threshold above 1 says that the scores are on a larger scale: they give outcomes and are not stored as
            scores, which are fractions of a full score.
    """

    success_at: float | None = None

    @property
    def threshold(self) -> float:
        """The score from which on an attempt is a success."""
        return 1.0 if self.success_at is None else self.success_at

    @property
    def larger_scale(self) -> bool:
        """Whether the user says that scores go beyond 1."""
        return self.threshold > 1

    def score(self, value: Any) -> StatedScore:
        """The number of a stated score that an outcome may be made from.

        Without a threshold above 1 that is a number from 0 to 1: a rating of 4, a percentage or a penalty is on a scale
        that is not known, so nothing follows from it.
        """
        if type(value) in (int, float) and 0 <= value <= 1:  # as nearly all are
            return StatedScore(float(value))
        stated = stated_score(value)
        if stated.number is None or self.larger_scale:
            return stated
        if not -ROUNDING <= stated.number <= 1 + ROUNDING:
            return StatedScore(None, "is outside 0 to 1")
        return StatedScore(min(max(stated.number, 0.0), 1.0))

    def outcome(self, number: float | None) -> Outcome | None:
        """The outcome of a number that `score` gives."""
        if number is None:
            return None
        return Outcome.SUCCESS if number >= self.threshold - ROUNDING else Outcome.FAILURE

    def leaves(self, outcome: Outcome, score: float | None) -> Outcome | None:
        """The outcome of a line of results.jsonl; None where the user's threshold decides instead.

        That line must hold an outcome, so a harness with partial scores writes `failure` for all but full ones. A
        threshold that the user states is about those scores.
        """
        partial = self.success_at is not None and score is not None and 0 < score < 1
        return None if partial and outcome != Outcome.ERROR else outcome

    def judge(self, attempt: AttemptRow) -> Judged:
        """Decide outcome and score of an attempt as its reader gives it: the score as stated, the verdict if any.

        A stated verdict counts whatever the score is. Without one the score decides. An error has no score.
        """
        if attempt.score is None and attempt.outcome is None:
            return Judged(attempt, None)
        score = self.score(attempt.score)
        verdict = attempt.outcome
        if verdict is None and isinstance(attempt.score, str):
            verdict = VERDICTS.get(attempt.score.strip().lower())
        outcome = verdict or self.outcome(score.number)
        problem = None
        if score.problem is not None and outcome != Outcome.ERROR:
            effect = "the outcome is unknown" if outcome is None else "the stated outcome counts"
            problem = f"the score {shown(attempt.score)} {score.problem}: {effect}; {REMEDY}"
        kept = None if outcome == Outcome.ERROR or self.larger_scale else score.number
        if outcome is None:
            return Judged(attempt._replace(score=kept, outcome_from=None), problem)
        source = attempt.outcome_from or (SCORE if verdict is None else VERDICT)
        return Judged(attempt._replace(outcome=str(outcome), score=kept, outcome_from=source), problem)


DEFAULT_RULE = OutcomeRule()


def checked_threshold(success_at: float | None) -> float | None:
    """A threshold of the user. Raises InputError unless it is a finite number above 0."""
    if success_at is not None and not (math.isfinite(success_at) and success_at > 0):
        raise InputError(f"--success-at {success_at:g} must be a number above 0, such as 0.8")
    return success_at
