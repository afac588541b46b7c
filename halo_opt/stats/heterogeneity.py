"""Whether a behaviour is equally common in all groups of attempts: rates by group, and a test of homogeneity.

Attempts at one task are not independent, so both account for clustering by task.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from halo_opt.stats.intervals import Interval, wilson

# Below these the approximation by chi-squared says little, and no p-value is given.
MIN_INFORMATION = 5.0
MIN_TASKS = 6


@dataclass(frozen=True, slots=True)
class GroupCell:
    """Attempts at one task in one group, and how many show the behaviour."""

    group: str
    task: str
    attempts: int
    shown: int


def heterogeneity_p(*, cells: Sequence[GroupCell]) -> float | None:
    """Test whether a behaviour is equally common in all groups.

    Where tasks have attempts in several groups (models, modes), groups are compared within tasks by the generalised
    Cochran-Mantel-Haenszel statistic. Where every task lies in one group (families), tasks are compared by a
    permutation analysis of variance of their residuals. The null hypothesis is that, within each task or among tasks,
    the behaviour does not depend on the group. Both statistics are approximately chi-squared with one degree of
    freedom less than there are groups.

    Returns:
        The p-value; None with fewer than two groups or too little data (`MIN_INFORMATION`, `MIN_TASKS`).

    Sources: Landis, Heyman and Koch 1978; Pitman 1938, Kruskal and Wallis 1952 (the permutation form).
    """
    groups = sorted({cell.group for cell in cells})
    if len(groups) < 2:
        return None
    by_task: dict[str, list[GroupCell]] = {}
    for cell in cells:
        by_task.setdefault(cell.task, []).append(cell)
    if any(_has_several_groups(own) for own in by_task.values()):
        return _within(groups, by_task.values())
    return _between(groups, cells)


def _has_several_groups(cells: Sequence[GroupCell]) -> bool:
    return len({cell.group for cell in cells}) > 1


def _within(groups: Sequence[str], strata: Iterable[Sequence[GroupCell]]) -> float | None:
    place = {group: n for n, group in enumerate(groups)}
    surplus, variance = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    information = 0.0
    for own in strata:
        sizes, shown = np.zeros(len(groups)), np.zeros(len(groups))
        for cell in own:
            sizes[place[cell.group]] += cell.attempts
            shown[place[cell.group]] += cell.shown
        total, with_it = sizes.sum(), shown.sum()
        if total < 2 or (sizes > 0).sum() < 2 or not 0 < with_it < total:
            continue
        spread = with_it * (total - with_it) / (total**2 * (total - 1))
        surplus += shown - sizes * with_it / total
        variance += spread * (np.diag(sizes * total) - np.outer(sizes, sizes))
        information += with_it * (total - with_it) / total
    if information < MIN_INFORMATION:
        return None
    from scipy.special import chdtrc

    degrees = int(np.linalg.matrix_rank(variance))
    return float(chdtrc(degrees, surplus @ np.linalg.pinv(variance) @ surplus)) if degrees else None


def _between(groups: Sequence[str], cells: Sequence[GroupCell]) -> float | None:
    rate = sum(cell.shown for cell in cells) / max(1, sum(cell.attempts for cell in cells))
    residuals: dict[str, dict[str, float]] = {group: {} for group in groups}
    for cell in cells:
        own = residuals[cell.group]
        own[cell.task] = own.get(cell.task, 0.0) + cell.shown - cell.attempts * rate
    tasks = sum(len(own) for own in residuals.values())
    square = sum(r * r for own in residuals.values() for r in own.values())
    several = [own for own in residuals.values() if len(own) > 1]
    if tasks < MIN_TASKS or len(several) < 2 or square <= 1e-12:
        return None
    from scipy.special import chdtrc

    explained = sum(sum(own.values()) ** 2 / len(own) for own in residuals.values())
    return float(chdtrc(len(groups) - 1, (tasks - 1) * explained / square))


def clustered_rate(*, cells: Sequence[GroupCell], confidence: float = 0.95) -> Interval | None:
    """Confidence interval of the share of attempts that show a behaviour, clustered by task; None without attempts.

    The linearised ratio estimator with Student's t on (tasks - 1) degrees of freedom. Where each task has one attempt,
    Wilson's interval of the attempts; where all tasks have the same share, Wilson's interval of the tasks.

    Sources: Cochran 1977, section 11.12; Wilson 1927.
    """
    sizes: dict[str, int] = {}
    shown: dict[str, int] = {}
    for cell in cells:
        sizes[cell.task] = sizes.get(cell.task, 0) + cell.attempts
        shown[cell.task] = shown.get(cell.task, 0) + cell.shown
    total, with_it, tasks = sum(sizes.values()), sum(shown.values()), len(sizes)
    if not total:
        return None
    if total == tasks:
        return wilson(successes=with_it, n=total, confidence=confidence)
    rate = with_it / total
    square = sum((shown[task] - sizes[task] * rate) ** 2 for task in sizes)
    if square <= 1e-12 or tasks < 2:
        return wilson(successes=round(rate * tasks), n=tasks, confidence=confidence)
    from scipy.special import stdtrit

    half = float(stdtrit(tasks - 1, 0.5 + confidence / 2)) * sqrt(tasks / (tasks - 1) * square) / total
    return (max(0.0, rate - half), min(1.0, rate + half))
