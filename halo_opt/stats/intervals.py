"""Confidence intervals of one rate or mean; None where there is too little data."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Floats = NDArray[np.float64]


def wilson(*, successes: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a binomial rate, from `successes` of `n` independent attempts; None for n = 0.

    It inverts the score test, lies within [0, 1], and has a positive width even for 0 or `n` successes.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    # scipy.stats.binomtest(...).proportion_ci gives the same to 1e-15, in 1 ms instead of 1 us: it tests as well.
    if n <= 0:
        return None
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == n else middle + half
    return (low, high)


def cluster_sums(clusters: Sequence[str], values: Sequence[float]) -> tuple[Floats, Floats]:
    """(sums, sizes) of the clusters in order of first appearance, each of shape (clusters,)."""
    index: dict[str, int] = {}
    codes = [index.setdefault(name, len(index)) for name in clusters]
    sums = np.bincount(codes, weights=np.asarray(values, dtype=np.float64), minlength=len(index))
    sizes = np.bincount(codes, minlength=len(index))
    return sums.astype(np.float64), sizes.astype(np.float64)


def cluster_t(
    *, clusters: Sequence[str], values: Sequence[float], low: float, high: float, confidence: float = 0.95
) -> Interval | None:
    """Confidence interval of a mean when values of one cluster may be correlated.

    The cluster-robust t interval with (clusters - 1) degrees of freedom. Where all clusters have the same mean there is
    no variance to estimate from; the interval then allows for the largest share of clusters that could have gone
    unseen at this confidence, with values at the ends of the range (as in the "rule of three").

    Args:
        clusters: The cluster of each value; clusters are taken to be independent.
        values: The values, each within [low, high].
        low: The smallest possible value.
        high: The largest possible value.
        confidence: The level of the interval, 0 to 1.

    Returns:
        The interval, within [low, high]; None with fewer than two clusters.

    Sources: Liang and Zeger 1986 (cluster-robust variance, here with the G/(G-1) correction); Hanley and
    Lippman-Hand 1983, "If nothing goes wrong, is everything all right?".
    """
    sums, sizes = cluster_sums(clusters, values)
    groups = len(sums)
    if groups < 2:
        return None
    total = float(sizes.sum())
    mean = float(sums.sum()) / total
    residual = sums - sizes * mean
    spread = float(np.square(residual).sum())
    alpha = 1 - confidence
    if spread <= 1e-18 * total * total:
        unseen = 1 - (alpha / 2) ** (1 / groups)
        return (mean - unseen * (mean - low), mean + unseen * (high - mean))
    from scipy.special import stdtrit

    half = float(stdtrit(groups - 1, 1 - alpha / 2)) * sqrt(groups / (groups - 1) * spread) / total
    return (max(low, mean - half), min(high, mean + half))
