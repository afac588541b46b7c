"""How often a task is solved within k attempts. Too little data gives None."""

from collections.abc import Sequence
from math import comb

from halo_opt.stats.intervals import Interval, cluster_t


def pass_at_k(*, attempts: int, solved: int, k: int) -> float | None:
    """Chance that at least one of `k` attempts at a task solves it, from `solved` of `attempts` independent ones.

    Null: none; an unbiased estimate. Floor: None with fewer attempts than k. Source: Chen et al. 2021, "Evaluating
    large language models trained on code".
    """
    if k < 1 or attempts < k:
        return None
    return 1.0 - comb(attempts - solved, k) / comb(attempts, k)


def mean_pass_at_k(*, tasks: Sequence[tuple[int, int]], k: int) -> tuple[float, Interval | None] | None:
    """Mean of pass@k over tasks, each (attempts, solved), with a 95% interval over tasks.

    Null: none; t over tasks, which are the independent units, and the rule of three where all agree. Floor: tasks with
    fewer than k attempts are left out, None when none is left; under two tasks there is no interval.
    Source: as `pass_at_k` and `cluster_t`.
    """
    values = [pass_at_k(attempts=n, solved=c, k=k) for n, c in tasks]
    known = [value for value in values if value is not None]
    if not known:
        return None
    names = [str(number) for number in range(len(known))]
    return sum(known) / len(known), cluster_t(clusters=names, values=known, low=0, high=1)
