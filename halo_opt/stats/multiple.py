"""Correction for having tested many things. Pure: no I/O, clock or global RNG."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Each p-value's q-value: the false discovery rate at which it would just be called; None stays None, uncounted.

    Null: every tested null is true; controls the false discovery rate for independent or positively dependent tests.
    Floor: q >= p. Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".
    """
    tested = sorted(((p, i) for i, p in enumerate(p_values) if p is not None), reverse=True)
    q_values: list[float | None] = [None] * len(p_values)
    running = 1.0
    for rank, (p, i) in zip(range(len(tested), 0, -1), tested, strict=True):
        running = min(running, p * len(tested) / rank)
        q_values[i] = running
    return q_values
