"""The statistics that a report names: functions from the rows of a number's query to its value.

They are deterministic, so `verify` gets the same numbers again. Rows of another shape raise ValueError or TypeError.
"""

from collections.abc import Callable, Sequence
from typing import Any

from halo_opt.stats.contrast import Cell, Contrast, contrast
from halo_opt.stats.intervals import Interval, cluster_t, wilson
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.stats.paired import sign_test
from halo_opt.stats.solving import mean_pass_at_k

Rows = Sequence[tuple[Any, ...]]
Value = float | int | str | bool | list[float] | None


def cells_of(rows: Rows) -> list[Cell]:
    """Rows (run, task, with_all, with_failed, without_all, without_failed) as cells."""
    return [Cell(str(run), str(task), int(w), int(wf), int(o), int(of)) for run, task, w, wf, o, of in rows]


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval[0], interval[1]]


def rate_interval(rows: Rows) -> list[float] | None:
    """95% interval of a mean from rows (task, value 0..1): Wilson's for one 0/1 value a task, else `cluster_t`."""
    values = [float(value) for _, value in rows]
    tasks = [str(task) for task, _ in rows]
    if len(set(tasks)) == len(tasks) and set(values) <= {0.0, 1.0}:
        return _listed(wilson(successes=int(sum(values)), n=len(values)))
    return _listed(cluster_t(clusters=tasks, values=values, low=0.0, high=1.0))


def mean_rate(rows: Rows) -> float | None:
    """Mean of the values in rows (task, value 0..1); `rate_interval` is its confidence interval."""
    return sum(float(value) for _, value in rows) / len(rows) if rows else None


def _passing(rows: Rows) -> tuple[float, Interval | None] | None:
    """(pass@k, its interval) from rows (task, attempts, solved, k), k the same in all rows; None without rows."""
    ks = {int(k) for *_, k in rows}
    if len(ks) > 1:
        raise ValueError(f"pass@k needs one k, got {sorted(ks)}")
    return mean_pass_at_k(tasks=[(int(n), int(c)) for _, n, c, _ in rows], k=ks.pop()) if ks else None


def pass_at_k(rows: Rows) -> float | None:
    """Mean over tasks of the probability that at least one of k attempts succeeds; rows as in `_passing`."""
    found = _passing(rows)
    return None if found is None else found[0]


def pass_at_k_interval(rows: Rows) -> list[float] | None:
    """95% interval of `pass_at_k`, clustered by task; rows as in `_passing`."""
    found = _passing(rows)
    return None if found is None else _listed(found[1])


def q_value(rows: Rows) -> float | None:
    """The Benjamini-Hochberg q-value of the one row marked true, from rows (this, p) of everything tested."""
    q_values = benjamini_hochberg([None if p is None else float(p) for _, p in rows])
    marked = [q for (this, _), q in zip(rows, q_values, strict=True) if this]
    if len(marked) != 1:
        raise ValueError(f"q_value needs exactly one marked row, got {len(marked)}")
    return marked[0]


def sign_p(rows: Rows) -> float:
    """p-value of the sign test from rows (task, rate here, rate there): tasks with equal rates do not count."""
    lost = sum(here < there for _, here, there in rows)
    won = sum(here > there for _, here, there in rows)
    return sign_test(lost=lost, won=won)


def _of_contrast(pick: Callable[[Contrast], Value]) -> Callable[[Rows], Value]:
    return lambda rows: pick(contrast(cells_of(rows)))


STATISTICS: dict[str, Callable[[Rows], Value]] = {
    "stratified_difference": _of_contrast(lambda c: c.difference),
    "stratified_interval": _of_contrast(lambda c: _listed(c.interval)),
    "stratified_ratio": _of_contrast(lambda c: c.ratio),
    "stratified_ratio_interval": _of_contrast(lambda c: _listed(c.ratio_interval)),
    "stratified_p": _of_contrast(lambda c: c.p_value),
    "failures_explained": _of_contrast(lambda c: c.explained),
    "failures_explained_interval": _of_contrast(lambda c: _listed(c.explained_interval)),
    "q_value": q_value,
    "sign_test": sign_p,
    "rate_interval": rate_interval,
    "mean_rate": mean_rate,
    "pass_at_k": pass_at_k,
    "pass_at_k_interval": pass_at_k_interval,
}
