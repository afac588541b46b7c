"""Stratified contrasts: how strongly a behaviour is associated with failing, within tasks and runs.

Where tasks have repeated attempts, only attempts at the same task are compared. A hard task has more failures and more
of everything else, so that without stratification any symptom would look like a cause.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from halo_opt.stats.intervals import Floats, Interval
from halo_opt.stats.stratified import (
    Table,
    clustered_interval,
    failures_explained,
    mantel_haenszel_difference,
    mantel_haenszel_ratio,
    sato_interval,
)

Scheme = Literal["task", "run and task", "task, and run", "run", "none"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Measured attempts of one task in one run: with and without the behaviour, and failures among each."""

    run: str
    task: str
    with_all: int
    with_failed: int
    without_all: int
    without_failed: int

    @property
    def table(self) -> Table:
        """The 2 x 2 table alone."""
        return (self.with_all, self.with_failed, self.without_all, self.without_failed)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Failure rates with and without a behaviour, compared within strata. Rates are fractions, 0 to 1.

    Attributes:
        stratified_by: What was held fixed.
        informative: How many strata vary in both behaviour and outcome; the others carry no information.
        difference: P(failure | behaviour) - P(failure | no behaviour), -1 to 1.
        interval: Its confidence interval.
        p_value: Two-sided exact p-value of no association.
        p_floor: The smallest p-value that these margins allow.
        explained: Failures attributable to the behaviour if it is the cause, in attempts.
        explained_interval: Its confidence interval.
        ratio: P(failure | behaviour) / P(failure | no behaviour); None where one of them is 0.
        ratio_interval: Its confidence interval.
    """

    stratified_by: Scheme
    informative: int
    difference: float | None
    interval: Interval | None
    p_value: float | None
    p_floor: float | None
    explained: float | None
    explained_interval: Interval | None
    ratio: float | None = None
    ratio_interval: Interval | None = None


def contrast(cells: Sequence[Cell], *, confidence: float = 0.95) -> Contrast:
    """Compare the failure rates of attempts with and without a behaviour.

    The strata are (run, task) when at least half of the attempts share theirs with another attempt. Otherwise, with
    several runs that share tasks, the contrast is made once within tasks and once within runs and the weaker result is
    returned; with several runs that do not, within runs; with one run, over all attempts.

    The null hypothesis is that outcomes are exchangeable within each stratum (exact conditional test). The interval is
    the wider of Sato's, which takes attempts to be independent, and the one clustered by task; where the exact test
    does not reject, it is extended to include 0.

    Args:
        cells: One cell for each run and task.
        confidence: The level of the intervals, 0 to 1.

    Returns:
        The contrast. All its numbers are None without an informative stratum.

    Sources: Mantel and Haenszel 1959; Birch 1964 (exact test); Sato 1989 (variance); Greenland 1987 (explained).
    """
    scheme, keys = _scheme(cells)
    views = [_one(scheme, _by_task(cells, key), confidence) for key in keys]
    # A contrast that must hold within tasks and within runs is as strong as the weaker of the two.
    return max(views, key=lambda view: (view.p_value is None, view.p_value or 0.0, -(view.difference or 0.0)))


def _one(scheme: Scheme, by_task: Mapping[str, Mapping[object, Table]], confidence: float) -> Contrast:
    strata = _summed((key, table) for tables in by_task.values() for key, table in tables.items())
    informative = [t for t in strata if t[0] and t[2] and 0 < t[1] + t[3] < t[0] + t[2]]
    difference = mantel_haenszel_difference(strata=strata) if informative else None
    if difference is None:
        return Contrast(scheme, len(informative), None, None, None, None, None, None)
    p_value, p_floor = exact_stratified_p(strata=informative)
    alone = sato_interval(strata=strata, confidence=confidence)
    together = clustered_interval(cells=by_task, confidence=confidence)
    # In sparse strata the variance is guessed too small; an interval must not say what the exact test does not.
    zero = (0.0, 0.0) if p_value > 1 - confidence else None
    interval = _hull([alone, together, zero]) if alone is not None else None
    explained, bounds = failures_explained(strata=strata, difference=difference, interval=interval)
    ratio = mantel_haenszel_ratio(strata=strata, confidence=confidence)
    return Contrast(
        scheme,
        len(informative),
        difference,
        interval,
        p_value,
        p_floor,
        explained,
        bounds,
        ratio[0] if ratio else None,
        ratio[1] if ratio else None,
    )


def _hull(intervals: Iterable[Interval | None]) -> Interval:
    """The shortest interval that holds all of those given."""
    known = [interval for interval in intervals if interval is not None]
    return min(low for low, _ in known), max(high for _, high in known)


def _scheme(cells: Sequence[Cell]) -> tuple[Scheme, list[Callable[[Cell], object]]]:
    several = len({cell.run for cell in cells}) > 1
    if _repeated(cells, lambda cell: (cell.run, cell.task)) >= 0.5:
        return ("run and task" if several else "task"), [lambda cell: (cell.run, cell.task)]
    if several and _repeated(cells, lambda cell: cell.task) >= 0.5:
        return "task, and run", [lambda cell: cell.task, lambda cell: cell.run]
    if several:
        return "run", [lambda cell: cell.run]
    return "none", [lambda _: None]


def _repeated(cells: Sequence[Cell], key: Callable[[Cell], object]) -> float:
    """The share of attempts, 0 to 1, that are not alone in their stratum."""
    sizes = [with_all + without_all for with_all, _, without_all, _ in _strata(cells, key)]
    return sum(size for size in sizes if size > 1) / max(1, sum(sizes))


def _strata(cells: Iterable[Cell], key: Callable[[Cell], object]) -> list[Table]:
    return _summed((key(cell), cell.table) for cell in cells)


def _summed(tables: Iterable[tuple[object, Table]]) -> list[Table]:
    """The sum of the tables of each key, in order of first appearance."""
    sums: dict[object, Table] = {}
    for key, (with_all, with_failed, without_all, without_failed) in tables:
        w, wf, o, of = sums.get(key, (0, 0, 0, 0))
        sums[key] = (w + with_all, wf + with_failed, o + without_all, of + without_failed)
    return list(sums.values())


def _by_task(cells: Iterable[Cell], key: Callable[[Cell], object]) -> dict[str, dict[object, Table]]:
    """Each task's tables by stratum: tasks are what can move together, strata are what is held fixed."""
    found: dict[str, dict[object, Table]] = {}
    for cell in cells:
        tables = found.setdefault(cell.task, {})
        [tables[key(cell)]] = _summed([(None, tables.get(key(cell), (0, 0, 0, 0))), (None, cell.table)])
    return found


def exact_stratified_p(*, strata: Sequence[Table]) -> tuple[float, float]:
    """Exact conditional test of no association within strata.

    Under the null hypothesis every assignment of a stratum's outcomes to its attempts is equally likely: a permutation
    test, summed over all permutations. Totals that are no more likely than the observed one count as equally extreme.

    Args:
        strata: 2 x 2 tables, see `halo_opt.stats.stratified`.

    Returns:
        (two-sided p-value, the smallest p-value that the margins of these tables allow), both above 0.

    Sources: Fisher 1935; Birch 1964; Gart 1970.
    """
    known: dict[tuple[int, int, int], Floats] = {}
    total = np.ones(1)
    observed = 0
    for with_all, with_failed, without_all, without_failed in strata:
        key = (with_all, without_all, with_failed + without_failed)
        if key not in known:
            known[key] = _hypergeometric(*key)
        total = np.convolve(total, known[key])
        observed += with_failed - max(0, key[2] - without_all)
    likely = total[observed]
    p_value = float(total[total <= likely * (1 + 1e-7)].sum())
    smallest = float(total[total <= total.min() * (1 + 1e-7)].sum())
    return (min(1.0, max(p_value, 1e-300)), min(1.0, max(smallest, 1e-300)))


def _hypergeometric(with_all: int, without_all: int, failed: int) -> Floats:
    """P(k failures with the behaviour) for every k that the margins allow, smallest k first."""
    # scipy.stats.hypergeom.pmf takes twice as long on tens of attempts and 1,000 times as long on thousands; its
    # logpmf takes 5 times as long, and its probabilities then miss a sum of 1 by 1e-11.
    from scipy.special import gammaln

    k = np.arange(max(0, failed - without_all), min(with_all, failed) + 1, dtype=np.float64)

    def log_choose(n: int, r: Floats) -> Floats:
        return np.asarray(gammaln(n + 1) - gammaln(r + 1) - gammaln(n - r + 1), dtype=np.float64)

    log_p = log_choose(with_all, k) + log_choose(without_all, failed - k)
    p = np.exp(log_p - log_p.max())
    return np.asarray(p / p.sum(), dtype=np.float64)
