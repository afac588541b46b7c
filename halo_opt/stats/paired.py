"""Tests and intervals for paired scores: the same attempts before and after a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from halo_opt.stats.intervals import Floats, Interval, cluster_sums, cluster_t

# Up to 2**16 sign patterns are enumerated, so small p-values are exact where data are few; beyond, drawn at random.
EXACT_TASKS = 16
DRAWS = 9_999
# Sums of equal scores may differ in the last bits; a pattern this close to the observed one counts as equal to it.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class PairedContrast:
    """Scores of the same attempts before and after a change; see `paired_contrast` for the p-values.

    Attributes:
        pairs: How many pairs of attempts were compared.
        tasks: How many tasks they belong to.
        difference: Mean of after minus before, -1 to 1.
        interval: Its confidence interval, clustered by task.
        p_better: One-sided p-value of "after is better" for tasks like these.
        p_two_sided: Two-sided p-value for tasks like these.
        p_better_here: One-sided p-value of "after is better" for these very tasks.
        before: Mean score before.
        after: Mean score after.
    """

    pairs: int
    tasks: int
    difference: float | None
    interval: Interval | None
    p_better: float | None
    p_two_sided: float | None
    p_better_here: float | None = None
    before: float | None = None
    after: float | None = None


def paired_contrast(
    pairs: Sequence[tuple[str, float, float]], *, rng: np.random.Generator, confidence: float = 0.95
) -> PairedContrast:
    """Compare paired scores by sign-flip randomisation tests, clustered by task.

    Under the null hypothesis of `p_better` and `p_two_sided` each task's summed difference is symmetric about 0; they
    generalise to tasks like these. Under that of `p_better_here` each single difference is symmetric about 0, as when
    the change does nothing and attempts differ by chance; it holds for these tasks only and has more power.

    Args:
        pairs: (task_id, score_before, score_after), scores within 0 to 1.
        rng: Draws the signs where there are too many to enumerate.
        confidence: The level of the interval, 0 to 1.

    Returns:
        The contrast. Without pairs all its numbers are None; with one task the interval and p-values are. The smallest
        possible p-value is 1 / 2**k for k <= 16 tasks (or pairs) that changed, otherwise 1 / 10000.

    Sources: Fisher 1935 (sign-flip randomisation); Phipson and Smyth 2010 for (C + 1) / (n + 1); Liang and Zeger 1986.
    """
    if not pairs:
        return PairedContrast(0, 0, None, None, None, None)
    names = [task for task, _, _ in pairs]
    changes = [after - before for _, before, after in pairs]
    sums, _ = cluster_sums(names, changes)
    tasks = len(sums)
    p_better, p_two = sign_flip(sums=sums, rng=rng) if tasks >= 2 else (None, None)
    p_here, _ = sign_flip(sums=np.asarray(changes), rng=rng) if tasks >= 2 else (None, None)
    return PairedContrast(
        pairs=len(pairs),
        tasks=tasks,
        difference=float(np.mean(changes)),
        interval=cluster_t(clusters=names, values=changes, low=-1.0, high=1.0, confidence=confidence),
        p_better=p_better,
        p_two_sided=p_two,
        p_better_here=p_here,
        before=float(np.mean([before for _, before, _ in pairs])),
        after=float(np.mean([after for _, _, after in pairs])),
    )


def sign_test(*, lost: int, won: int) -> float:
    """Exact two-sided sign test of the null hypothesis that a pair is as likely lost as won; ties are left out.

    Returns:
        The p-value; 1.0 without pairs.

    Source: Dixon and Mood 1946, "The statistical sign test".
    """
    pairs = lost + won
    as_many = sum(comb(pairs, k) for k in range(max(lost, won), pairs + 1))
    return min(1.0, float(2 * as_many / 2**pairs))


def sign_flip(*, sums: Floats, rng: np.random.Generator, draws: int = DRAWS) -> tuple[float, float]:
    """Sign-flip randomisation test of the null hypothesis that each sum is symmetric about 0.

    Args:
        sums: Differences summed by task, or single differences; shape (n,).
        rng: Draws the signs where more than `EXACT_TASKS` sums are not 0; all patterns are enumerated otherwise.
        draws: How many sign patterns are drawn.

    Returns:
        (one-sided p-value of a positive total, two-sided p-value), at least 1 / 2**k for k sums that are not 0, or
        1 / (draws + 1) where signs are drawn.

    Sources: Fisher 1935; Phipson and Smyth 2010 (permutation p-values).
    """
    # scipy.stats.permutation_test gives the same exact p-values and takes 10 to 150 times as long.
    moved = sums[np.abs(sums) > TIE]
    observed = float(moved.sum())
    if len(moved) == 0:
        return (1.0, 1.0)
    exact = len(moved) <= EXACT_TASKS
    if exact:
        patterns = np.arange(2 ** len(moved), dtype=np.uint32)[:, None] >> np.arange(len(moved), dtype=np.uint32)
        signs = 1.0 - 2.0 * (patterns & 1)
    else:
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(draws, len(moved)))
    totals = signs @ moved
    better = int((totals >= observed - TIE).sum())
    beyond = int((np.abs(totals) >= abs(observed) - TIE).sum())
    if exact:
        return (better / len(signs), beyond / len(signs))
    return ((better + 1) / (draws + 1), (beyond + 1) / (draws + 1))
