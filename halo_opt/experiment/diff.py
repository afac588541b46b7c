"""Two sets of attempts compared, paired by task and seed, clustered by task.

Unpaired attempts and errors are listed apart and enter no average.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from halo_opt.core.records import AttemptKey, AttemptResult, BehaviourShift, Outcome, ScoreDiff, TaskFlip
from halo_opt.experiment.scores import measured, success
from halo_opt.stats.paired import paired_contrast

Pair = tuple[str, int]
Rates = Mapping[str, float | None]


def by_pair(results: Iterable[AttemptResult]) -> dict[Pair, float]:
    """Mean success of the measured attempts at each task and seed."""
    scores: dict[Pair, list[float]] = defaultdict(list)
    for result in measured(results):
        scores[result.task_id, result.seed].append(success(result))
    return {pair: sum(values) / len(values) for pair, values in scores.items()}


def compare(
    before: Iterable[AttemptResult],
    after: Iterable[AttemptResult],
    *,
    names: tuple[str, str],
    rng: np.random.Generator,
    behaviours: tuple[Rates, Rates] = ({}, {}),
) -> ScoreDiff:
    """Compare two sets of results. Several attempts at one task and seed are averaged before pairing.

    Args:
        before: The results of the first set.
        after: The results of the second set.
        names: The names of the two sets in the comparison.
        rng: Draws the samples of the confidence interval.
        behaviours: For each set, the rate of each behaviour by name; None where a behaviour does not apply.

    Example:
        >>> found = compare(before, after, names=("main", "patched"), rng=np.random.default_rng(0))
        >>> print(found.rate_before, found.rate_after)
    """
    results = (list(before), list(after))
    old, new = by_pair(results[0]), by_pair(results[1])
    shared = sorted(old.keys() & new.keys())
    contrast = paired_contrast([(task, old[task, seed], new[task, seed]) for task, seed in shared], rng=rng)
    gained, lost = _flips(shared, old, new)
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
        unpaired=[AttemptKey(task_id=task, seed=seed) for task, seed in sorted(old.keys() ^ new.keys())],
    )


def compare_with_first(
    names: Sequence[str], results: Sequence[Iterable[AttemptResult]], behaviours: Sequence[Rates]
) -> list[ScoreDiff]:
    """Compare each run after the first with the first one.

    Args:
        names: The runs' names.
        results: The attempts of each run.
        behaviours: The rates of behaviours in each run, by name.

    Returns:
        One comparison for each run after the first, in their order.
    """
    runs = list(zip(names, results, behaviours, strict=True))
    first_name, first_results, first_rates = runs[0]
    return [
        compare(
            first_results,
            after,
            names=(first_name, name),
            rng=np.random.default_rng(0),
            behaviours=(first_rates, rates),
        )
        for name, after, rates in runs[1:]
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
