"""Stratified contrasts: does a behaviour go with failing? Too little data gives None.

The input is one row a (run, task) cell: how many attempts with and without the behaviour, and how many of each failed.
Where tasks have repeated attempts, only attempts of the same task are compared: a hard task shows more failures and
more of everything, and would make any symptom look like a cause.
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
    """P(failure | behaviour) - P(failure | no behaviour) within strata, and the failures that it accounts for.

    `stratified_by` says what was held fixed. `informative` counts strata where both behaviour and outcome vary: only
    these can tell. `p_floor` is the smallest p-value that these data could have given. `ratio` is the same contrast as
    a ratio of rates; it is None where a side never fails.
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
    """Contrast failures between attempts with and without a behaviour.

    Strata: (run, task) when at least half of the attempts share theirs with another; else, with several runs, the
    contrast is made once within tasks and once within runs and the weaker of the two is reported; with each task seen
    once, within runs; with one run of single attempts there is nothing to hold fixed.
    The interval is the wider of Sato's, which takes attempts for independent, and the one clustered by task. Where the
    exact test does not reject, it is stretched to hold 0.
    Null: within each stratum outcomes are exchangeable (exact conditional test). Floor: no informative stratum, or only
    one outcome, or only one side of the behaviour, gives None for every number.
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
    sizes = [with_all + without_all for with_all, _, without_all, _ in _strata(cells, key)]
    return sum(size for size in sizes if size > 1) / max(1, sum(sizes))


def _strata(cells: Iterable[Cell], key: Callable[[Cell], object]) -> list[Table]:
    return _summed((key(cell), cell.table) for cell in cells)


def _summed(tables: Iterable[tuple[object, Table]]) -> list[Table]:
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
    """Two-sided exact p-value of no association within strata, and the smallest p-value that the margins allow.

    Null: within each stratum every assignment of its outcomes to its attempts is as likely (a permutation test, summed
    over all permutations rather than drawn). Outcomes no more likely than the observed one count as as extreme.
    Floor: the least likely margin-preserving table; never 0. Sources: Fisher 1935; Birch 1964; Gart 1970.
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
    """P(failures with the behaviour = k), k from the least to the most that the margins allow."""
    # scipy.stats.hypergeom.pmf takes twice as long on tens of attempts and 1,000 times as long on thousands; its
    # logpmf takes 5 times as long, and its probabilities then miss a sum of 1 by 1e-11.
    from scipy.special import gammaln

    k = np.arange(max(0, failed - without_all), min(with_all, failed) + 1, dtype=np.float64)

    def log_choose(n: int, r: Floats) -> Floats:
        return np.asarray(gammaln(n + 1) - gammaln(r + 1) - gammaln(n - r + 1), dtype=np.float64)

    log_p = log_choose(with_all, k) + log_choose(without_all, failed - k)
    p = np.exp(log_p - log_p.max())
    return np.asarray(p / p.sum(), dtype=np.float64)
