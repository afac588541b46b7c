"""Scores between 0 and 1 have a mean beside the success rate; the gate says that it counts successes only."""

import numpy as np
import pytest

from halo_opt.core.config import GateConfig
from halo_opt.core.loop_records import ScoreEstimate
from halo_opt.core.records import AttemptResult, Outcome, Proposal, ScoreDiff
from halo_opt.experiment.diff import compare
from halo_opt.experiment.gate import decide
from halo_opt.experiment.scores import estimate
from halo_opt.reporting.diff_view import diff_headline
from halo_opt.reporting.formatting import estimate_text

TIMES = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:01+00:00"}


def results(*scores: float | None) -> list[AttemptResult]:
    """One attempt a task; a score of 1 is a success, None an attempt that was not measured."""
    found = []
    for number, score in enumerate(scores):
        outcome = Outcome.SUCCESS if score == 1 else Outcome.FAILURE
        if score is None:
            outcome = Outcome.ERROR
        name = f"t{number}"
        found.append(
            AttemptResult(task_id=name, seed=0, attempt=0, trace_id=name, outcome=outcome, score=score, **TIMES)
        )
    return found


def diff_of(before: list[AttemptResult], after: list[AttemptResult]) -> ScoreDiff:
    return compare(before, after, names=("a", "b"), rng=np.random.default_rng(0))


def test_the_mean_leaves_errors_out() -> None:
    found = estimate(results(0.5, 1, None))
    assert (found.mean_score, found.rate, found.errors) == (0.75, 0.5, 1)


def test_the_mean_has_an_interval_by_task() -> None:
    found = estimate(results(0.2, 0.4, 0.6, 0.8))
    assert found.mean_score_interval is not None
    assert found.mean_score_interval[0] < 0.5 < found.mean_score_interval[1]


def test_whole_scores_have_no_mean_beside_the_rate() -> None:
    assert (estimate(results(0, 1)).mean_score, diff_of(results(0, 1), results(1, 1)).mean_scores) == (None, None)


def test_a_pair_without_a_score_on_one_side_is_left_out_of_the_mean() -> None:
    scores = diff_of(results(0.2, 0.4), results(0.6, None)).mean_scores
    assert scores is not None
    assert (scores.pairs, scores.before, scores.after) == (1, 0.2, 0.6)


def test_lower_scores_are_called_lower() -> None:
    diff = diff_of(results(*[0.9] * 8), results(*[0.2] * 8))
    assert diff_headline(diff).title == "No reliable difference in success rate, but b has lower scores"


def test_the_gate_says_that_partial_scores_do_not_count() -> None:
    proposal = Proposal(id="P", findings=[], hypothesis="h", edits=[], predictions=[], source="playbook")
    diff = diff_of(results(*[0.2] * 8), results(*[0.9] * 8))
    verdict = decide(proposal, diff, broken=[], config=GateConfig(), candidates=1)
    assert not verdict.accepted
    assert "the mean score went from 0.20 to 0.90; the gate counts successes only" in verdict.reason


@pytest.mark.parametrize(
    ("mean", "interval", "text"),
    [
        (None, None, "50%"),
        (0.75, None, "50%, mean score 0.75"),
        (0.75, (0.5, 1.0), "50%, mean score 0.75 (0.50 to 1.00)"),
    ],
)
def test_an_estimate_is_one_phrase(mean: float | None, interval: tuple[float, float] | None, text: str) -> None:
    found = ScoreEstimate(
        rate=0.5, interval=None, tasks=2, attempts=2, errors=0, mean_score=mean, mean_score_interval=interval
    )
    assert estimate_text(found) == text
