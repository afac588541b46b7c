"""pass@k: the probability that a task is solved within k attempts."""

from collections.abc import Sequence
from math import comb

from halo_opt.stats.intervals import Interval, cluster_t


def pass_at_k(*, attempts: int, solved: int, k: int) -> float | None:
    """Unbiased estimate of the probability that at least one of `k` attempts solves a task.

    Args:
        attempts: Independent attempts at the task.
        solved: How many of them succeeded.
        k: How many attempts are allowed.

    Returns:
        The estimate, 0 to 1; None with fewer attempts than k.

    Source: Chen et al. 2021, "Evaluating large language models trained on code".
    """
    if k < 1 or attempts < k:
        return None
    return 1.0 - comb(attempts - solved, k) / comb(attempts, k)


def mean_pass_at_k(*, tasks: Sequence[tuple[int, int]], k: int) -> tuple[float, Interval | None] | None:
    """Mean of pass@k over tasks, with a 95% interval that takes tasks as the independent units (see `cluster_t`).

    Args:
        tasks: (attempts, solved) of each task. Tasks with fewer than `k` attempts are left out.
        k: How many attempts are allowed.

    Returns:
        (mean, interval); None when no task is left, and no interval with fewer than two.
    """
    values = [pass_at_k(attempts=n, solved=c, k=k) for n, c in tasks]
    known = [value for value in values if value is not None]
    if not known:
        return None
    names = [str(number) for number in range(len(known))]
    return sum(known) / len(known), cluster_t(clusters=names, values=known, low=0, high=1)
