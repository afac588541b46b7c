"""Stratified differences and ratios of failure rates (Mantel-Haenszel), with confidence intervals.

A stratum is a 2 x 2 table: (attempts with the behaviour, failed of these, attempts without, failed of these). Attempts
are compared within strata only, so that a stratum in which everything fails has no influence.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log, sqrt

import numpy as np

from halo_opt.stats.intervals import Interval, wilson

Table = tuple[int, int, int, int]
# With fewer clusters the variance between them is too poorly estimated.
MIN_CLUSTERS = 5


def mantel_haenszel_difference(*, strata: Sequence[Table]) -> float | None:
    """The Mantel-Haenszel risk difference: failure rate with the behaviour minus without, -1 to 1.

    None when no stratum has attempts both with and without the behaviour.

    Source: Mantel and Haenszel 1959; Greenland and Robins 1985 for the risk difference.
    """
    weight = sum(w * o / (w + o) for w, _, o, _ in strata if w and o)
    if not weight:
        return None
    return sum((wf * o - of * w) / (w + o) for w, wf, o, of in strata if w and o) / weight


def sato_interval(*, strata: Sequence[Table], confidence: float = 0.95) -> Interval | None:
    """Sato's interval of the Mantel-Haenszel risk difference, within [-1, 1]; None where the difference is None.

    It is consistent for few large and for many small strata. Where the variance estimate is 0 (behaviour and failure
    agree without exception), Newcombe's interval of the pooled table is returned, whose width is positive.

    Sources: Sato 1989, "On the variance estimator for the Mantel-Haenszel risk difference"; Newcombe 1998, method 10.
    """
    both = [t for t in strata if t[0] and t[2]]
    difference = mantel_haenszel_difference(strata=both)
    if difference is None:
        return None
    weight = sum(w * o / (w + o) for w, _, o, _ in both)
    p = sum((w * w * of - o * o * wf + w * o * (o - w) / 2) / (w + o) ** 2 for w, wf, o, of in both)
    q = sum((wf * (o - of) + of * (w - wf)) / (2 * (w + o)) for w, wf, o, of in both)
    variance = (difference * p + q) / weight**2
    if variance <= 1e-12:
        return newcombe(table=pooled(both), confidence=confidence)
    from scipy.special import ndtri

    half = float(ndtri(0.5 + confidence / 2)) * sqrt(variance)
    return (max(-1.0, difference - half), min(1.0, difference + half))


def newcombe(*, table: Table, confidence: float = 0.95) -> Interval | None:
    """Newcombe's interval of a difference of two independent rates, from two Wilson intervals; None for an empty side.

    Source: Newcombe 1998, "Interval estimation for the difference between
    independent proportions", method 10.
    """
    with_all, with_failed, without_all, without_failed = table
    one = wilson(successes=with_failed, n=with_all, confidence=confidence)
    two = wilson(successes=without_failed, n=without_all, confidence=confidence)
    if one is None or two is None:
        return None
    p1, p2 = with_failed / with_all, without_failed / without_all
    low = p1 - p2 - sqrt((p1 - one[0]) ** 2 + (two[1] - p2) ** 2)
    high = p1 - p2 + sqrt((one[1] - p1) ** 2 + (p2 - two[0]) ** 2)
    return (low, high)


def failures_explained(
    *, strata: Sequence[Table], difference: float, interval: Interval | None
) -> tuple[float, Interval | None]:
    """Attributable failures: those that would have been successes without the behaviour, if it is the cause.

    The risk difference times the attempts with the behaviour, limited to 0 and the failures that show it. Where
    something else causes both behaviour and failure, it is an upper bound.

    Args:
        strata: The 2 x 2 tables.
        difference: The risk difference.
        interval: Its confidence interval.

    Returns:
        (attributable failures, their interval), in attempts.

    Source: Greenland 1987, "Variance estimators for attributable fraction estimates consistent in both large strata
    and sparse data".
    """
    with_all, with_failed, _, _ = pooled(strata)

    def bound(value: float) -> float:
        return min(float(with_failed), max(0.0, value * with_all))

    return bound(difference), None if interval is None else (bound(interval[0]), bound(interval[1]))


def pooled(strata: Iterable[Table]) -> Table:
    """The sum of all strata, as one table."""
    w, wf, o, of = (sum(parts) for parts in zip((0, 0, 0, 0), *strata, strict=True))
    return (w, wf, o, of)


def mantel_haenszel_ratio(*, strata: Sequence[Table], confidence: float = 0.95) -> tuple[float, Interval] | None:
    """The Mantel-Haenszel risk ratio, failure rate with the behaviour over without, and its interval (log-normal).

    None when no stratum has attempts both with and without the behaviour, or when one side has no failures, where no
    finite ratio or interval exists.

    Sources: Rothman and Boice 1979; Greenland and Robins 1985 for the variance.
    """
    both = [t for t in strata if t[0] and t[2]]
    top = sum(wf * o / (w + o) for w, wf, o, _ in both)
    bottom = sum(of * w / (w + o) for w, _, o, of in both)
    if not top or not bottom:
        return None
    spread = sum((w * o * (wf + of) - wf * of * (w + o)) / (w + o) ** 2 for w, wf, o, of in both)
    from scipy.special import ndtri

    half = float(ndtri(0.5 + confidence / 2)) * sqrt(spread / (top * bottom))
    middle = log(top / bottom)
    return top / bottom, (exp(middle - half), exp(middle + half))


def clustered_interval(*, cells: Mapping[str, Mapping[object, Table]], confidence: float = 0.95) -> Interval | None:
    """Jackknife interval of the Mantel-Haenszel risk difference when attempts of one cluster (a task) are correlated.

    The delete-one-cluster jackknife with a t quantile. It is also valid when the effect differs between clusters.

    Args:
        cells: Each cluster's 2 x 2 tables by stratum.
        confidence: The level of the interval, 0 to 1.

    Returns:
        The interval, within [-1, 1]; None with fewer than `MIN_CLUSTERS` informative clusters.

    Sources: Tukey 1958; Lipsitz, Dear and Zhao 1994.
    """
    whole: dict[object, Table] = {}
    for tables in cells.values():
        for stratum, table in tables.items():
            whole[stratum] = _plus(whole.get(stratum, (0, 0, 0, 0)), table, 1)
    top = sum(_parts(t)[0] for t in whole.values())
    weight = sum(_parts(t)[1] for t in whole.values())
    left_out = []
    for tables in cells.values():
        less_top, less_weight = top, weight
        for stratum, table in tables.items():
            before, after = _parts(whole[stratum]), _parts(_plus(whole[stratum], table, -1))
            less_top += after[0] - before[0]
            less_weight += after[1] - before[1]
        # A cluster that changes neither part carries no information and must not count as a cluster.
        if (less_top, less_weight) != (top, weight) and less_weight > 1e-9:
            left_out.append(less_top / less_weight)
    count = len(left_out)
    if count < MIN_CLUSTERS:
        return None
    values = np.asarray(left_out)
    spread = (count - 1) / count * float(np.square(values - values.mean()).sum())
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, 0.5 + confidence / 2)) * sqrt(spread)
    return (max(-1.0, top / weight - half), min(1.0, top / weight + half))


def _plus(one: Table, two: Table, sign: int) -> Table:
    return (one[0] + sign * two[0], one[1] + sign * two[1], one[2] + sign * two[2], one[3] + sign * two[3])


def _parts(table: Table) -> tuple[float, float]:
    """A stratum's contributions to the numerator and to the denominator of the Mantel-Haenszel risk difference."""
    w, wf, o, of = table
    return ((wf * o - of * w) / (w + o), w * o / (w + o)) if w and o else (0.0, 0.0)
