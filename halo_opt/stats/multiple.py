"""Correction for multiple testing."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """The q-value of each p-value: the lowest false discovery rate at which its test would be called significant.

    This controls the false discovery rate for independent or positively dependent tests.

    Args:
        p_values: p-values within [0, 1]; None for what was not tested.

    Returns:
        q-values in the same order, each at least its p-value; None stays None and does not count as a test.

    Raises:
        ValueError: A p-value lies outside [0, 1].

    Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".
    """
    tested = [p for p in p_values if p is not None]
    if not tested:
        return [None] * len(p_values)
    from scipy.stats import false_discovery_control

    q_values = iter(false_discovery_control(tested, method="bh").tolist())
    return [None if p is None else next(q_values) for p in p_values]
