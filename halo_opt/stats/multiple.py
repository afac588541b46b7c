"""Correction for having tested many things."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Each p-value's q-value: the false discovery rate at which it would just be called.

    A None (not tested) stays None and does not count as a test. Raises ValueError for a p-value outside [0, 1].

    Null: every tested null is true; controls the false discovery rate for independent or positively dependent tests.
    Floor: q >= p. Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".
    """
    tested = [p for p in p_values if p is not None]
    if not tested:
        return [None] * len(p_values)
    from scipy.stats import false_discovery_control

    q_values = iter(false_discovery_control(tested, method="bh").tolist())
    return [None if p is None else next(q_values) for p in p_values]
