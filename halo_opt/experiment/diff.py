"""Two sets of attempts compared in pairs, clustered by task.

A pair is a task and seed that both measured; where the two share no seed at any task, a pair is a task. Unpaired
attempts, errors and attempts without an outcome are listed apart and enter no average.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from halo_opt.core.records import BehaviourShift, MeanScores, Outcome, ScoreDiff, TaskFlip, UnpairedAttempt
from halo_opt.experiment.attempt_sets import Attempt, AttemptSet
from halo_opt.experiment.scores import measured, partial_scores, score_of, success
from halo_opt.stats.paired import paired_contrast

Pair = tuple[str, int | None]
Rates = Mapping[str, float | None]


def by_pair(
    results: Iterable[Attempt], *, seeds: bool = True, value: Callable[[Attempt], float] = success
) -> dict[Pair, float]:
    """Mean success, or mean of another value, of the measured attempts at each task and seed.

    Without `seeds` it is that of each task, under the seed None.
    """
    scores: dict[Pair, list[float]] = defaultdict(list)
    for result in measured(results):
        scores[result.task_id, result.seed if seeds else None].append(value(result))
    return {pair: sum(values) / len(values) for pair, values in scores.items()}


def compare(
    before: Iterable[Attempt],
    after: Iterable[Attempt],
    *,
    names: tuple[str, str],
    rng: np.random.Generator,
    behaviours: tuple[Rates, Rates] = ({}, {}),
) -> ScoreDiff:
    """Compare two sets of attempts. Several attempts of one pair are averaged first.

    Args:
        before: The attempts of the first set.
        after: The attempts of the second set.
        names: The names of the two sets in the comparison.
        rng: Draws the samples of the confidence interval.
        behaviours: For each set, the rate of each behaviour by name; None where a behaviour does not apply.

    Example:
        >>> found = compare(before, after, names=("main", "patched"), rng=np.random.default_rng(0))
        >>> print(found.rate_before, found.rate_after)
    """
    results = (list(before), list(after))
    old, new = by_pair(results[0]), by_pair(results[1])
    seeds = bool(old.keys() & new.keys()) or not {task for task, _ in old} & {task for task, _ in new}
    if not seeds:
        old, new = by_pair(results[0], seeds=False), by_pair(results[1], seeds=False)
    shared = sorted(old.keys() & new.keys(), key=_pair_order)
    contrast = paired_contrast([(task, old[task, seed], new[task, seed]) for task, seed in shared], rng=rng)
    gained, lost = _flips(shared, old, new)
    mean_scores = _mean_scores(results, seeds=seeds, rng=rng)
    return ScoreDiff(
        before=names[0],
        after=names[1],
        pairs=contrast.pairs,
        tasks=contrast.tasks,
        rate_before=contrast.before,
        rate_after=contrast.after,
        difference=contrast.difference,
        interval=contrast.interval,
        p_value=contrast.p_better,
        p_value_here=contrast.p_better_here,
        gained=gained,
        lost=lost,
        behaviours=_shifts(behaviours),
        errors_before=sum(result.outcome is Outcome.ERROR for result in results[0]),
        errors_after=sum(result.outcome is Outcome.ERROR for result in results[1]),
        unpaired=_unpaired(old, new),
        paired_by="task and seed" if seeds and any(seed is not None for _, seed in shared) else "task",
        attempts_before=len(results[0]),
        attempts_after=len(results[1]),
        unknown_before=sum(result.outcome is None for result in results[0]),
        unknown_after=sum(result.outcome is None for result in results[1]),
        mean_scores=mean_scores,
    )


def _mean_scores(
    results: tuple[list[Attempt], list[Attempt]], *, seeds: bool, rng: np.random.Generator
) -> MeanScores | None:
    """The mean scores of the attempts that have one, compared as success is; None where all scores are 0 or 1."""
    if not any(partial_scores(side) for side in results):
        return None
    old, new = (
        by_pair([attempt for attempt in side if attempt.score is not None], seeds=seeds, value=score_of)
        for side in results
    )
    shared = sorted(old.keys() & new.keys(), key=_pair_order)
    contrast = paired_contrast([(pair[0], old[pair], new[pair]) for pair in shared], rng=rng)
    return MeanScores(
        pairs=contrast.pairs,
        tasks=contrast.tasks,
        before=contrast.before,
        after=contrast.after,
        difference=contrast.difference,
        interval=contrast.interval,
        p_value=contrast.p_better,
    )


def compare_with_first(sets: Sequence[AttemptSet]) -> list[ScoreDiff]:
    """Compare each set of attempts after the first with the first one; the comparisons come in their order."""
    first = sets[0]
    return [
        compare(
            first.attempts,
            other.attempts,
            names=(first.name, other.name),
            rng=np.random.default_rng(0),
            behaviours=(first.rates, other.rates),
        )
        for other in sets[1:]
    ]


def _pair_order(pair: Pair) -> tuple[str, int]:
    return pair[0], -1 if pair[1] is None else pair[1]


def _unpaired(old: dict[Pair, float], new: dict[Pair, float]) -> list[UnpairedAttempt]:
    """The pairs that one side lacks, by task and seed."""
    return [
        UnpairedAttempt(task_id=pair[0], seed=pair[1], measured_in="before" if pair in old else "after")
        for pair in sorted(old.keys() ^ new.keys(), key=_pair_order)
    ]


def _flips(shared: list[Pair], old: dict[Pair, float], new: dict[Pair, float]) -> tuple[list[TaskFlip], list[TaskFlip]]:
    """Tasks with more successes than before, and tasks with fewer, largest change first."""
    seeds: dict[str, list[Pair]] = defaultdict(list)
    for pair in shared:
        seeds[pair[0]].append(pair)
    flips = []
    for task, pairs in seeds.items():
        before, after = sum(old[pair] for pair in pairs), sum(new[pair] for pair in pairs)
        flips.append(TaskFlip(task_id=task, pairs=len(pairs), before=before, after=after))
    flips.sort(key=lambda flip: (-abs(flip.after - flip.before), flip.task_id))
    return [flip for flip in flips if flip.after > flip.before], [flip for flip in flips if flip.after < flip.before]


def _shifts(behaviours: tuple[Rates, Rates]) -> list[BehaviourShift]:
    before, after = behaviours
    names = sorted(before.keys() | after.keys())
    return [BehaviourShift(behaviour=name, before=before.get(name), after=after.get(name)) for name in names]
