"""Success rates of sets of attempts. An error was not a measurement: it is counted apart and enters no rate."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from halo_opt.core.loop_records import BestOfK, ScoreEstimate
from halo_opt.core.records import AttemptResult, Outcome
from halo_opt.stats.intervals import cluster_t


class HasOutcome(Protocol):
    """An attempt with its outcome; None where its traces do not say how it ended."""

    @property
    def outcome(self) -> Outcome | None:
        """How it ended."""
        ...

    @property
    def score(self) -> float | None:
        """Its score, 0 to 1."""
        ...


A = TypeVar("A", bound=HasOutcome)


def measured(results: Iterable[A]) -> list[A]:
    """The attempts that were measurements: successes and failures."""
    return [result for result in results if result.outcome in (Outcome.SUCCESS, Outcome.FAILURE)]


def success(result: HasOutcome) -> float:
    """1.0 for a success, 0.0 for a failure."""
    return float(result.outcome is Outcome.SUCCESS)


def partial_scores(results: Iterable[HasOutcome]) -> bool:
    """Whether some measured attempt has a score between 0 and 1, so that the mean score is not the success rate."""
    return any(result.score is not None and 0 < result.score < 1 for result in measured(results))


def score_of(result: HasOutcome) -> float:
    """The score of an attempt that has one."""
    return 0.0 if result.score is None else result.score


def estimate(results: Iterable[AttemptResult]) -> ScoreEstimate:
    """Success rate with a 95% interval clustered by task, and the mean score where some score is partial."""
    everything = list(results)
    kept = measured(everything)
    values = [success(result) for result in kept]
    tasks = [result.task_id for result in kept]
    scored = [result for result in kept if result.score is not None] if partial_scores(kept) else []
    scores = [score_of(result) for result in scored]
    return ScoreEstimate(
        rate=sum(values) / len(values) if values else None,
        interval=cluster_t(clusters=tasks, values=values, low=0.0, high=1.0),
        tasks=len(set(tasks)),
        attempts=len(kept),
        errors=len(everything) - len(kept),
        mean_score=sum(scores) / len(scores) if scores else None,
        mean_score_interval=cluster_t(clusters=[r.task_id for r in scored], values=scores, low=0.0, high=1.0),
    )


def tokens(results: Iterable[AttemptResult]) -> int:
    """Tokens in and out of these attempts, as far as they are known."""
    return sum((result.tokens_in or 0) + (result.tokens_out or 0) for result in results)


def tries_for_spend(original: Sequence[AttemptResult], optimized: Sequence[AttemptResult]) -> int:
    """How many tries of the original cost at least what one optimized attempt costs; at least two.

    Rounded up, so that the comparison favours the original.
    """
    before = tokens(original) / max(1, len(original))
    after = tokens(optimized) / max(1, len(optimized))
    return max(2, -int(-after // before)) if before > 0 else 2


def best_of_k(tries: Sequence[Sequence[AttemptResult]], optimized: Sequence[AttemptResult]) -> BestOfK:
    """The original harness with k tries at each task and seed, any success counting (a grader picks the best one).

    A task and seed with an error among its tries counts with the tries that were measured.
    """
    by_pair: dict[tuple[str, int], list[float]] = defaultdict(list)
    for results in tries:
        for result in measured(results):
            by_pair[result.task_id, result.seed].append(success(result))
    best = [max(values) for values in by_pair.values()]
    spent = tokens(result for results in tries for result in results)
    return BestOfK(
        k=len(tries),
        rate=sum(best) / len(best) if best else None,
        interval=cluster_t(clusters=[task for task, _ in by_pair], values=best, low=0.0, high=1.0),
        spend_per_pair=spent / max(1, len(by_pair)),
        optimized_spend_per_pair=tokens(optimized) / max(1, len(optimized)),
        spend_unit="tokens",
    )
