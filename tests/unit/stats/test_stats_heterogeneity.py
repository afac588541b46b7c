"""The test of a behaviour being as common in every group, and the interval of its share in one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo_opt.stats.heterogeneity import GroupCell, clustered_rate, heterogeneity_p

Cells = list[GroupCell]


def crossed(rates: dict[str, float], rng: np.random.Generator, *, tasks: int = 20, each: int = 4) -> Cells:
    """Every task tried by every group, the tasks of very different difficulty."""
    base = rng.uniform(0, 1, tasks)
    return [
        GroupCell(group, str(t), each, int(rng.binomial(each, min(1.0, base[t] * factor))))
        for t in range(tasks)
        for group, factor in rates.items()
    ]


def nested(rng: np.random.Generator, *, families: int = 3, tasks: int = 12, each: int = 8) -> Cells:
    """Every task in one family, all of one kind, attempts at a task very much alike."""
    return [
        GroupCell(f"f{f}", f"{f}-{t}", each, int(rng.binomial(each, rng.beta(0.3, 0.3))))
        for f in range(families)
        for t in range(tasks)
    ]


@pytest.mark.parametrize("kind", ["crossed", "nested"])
def test_without_a_difference_few_p_values_are_small_however_alike_attempts_at_a_task_are(kind: str) -> None:
    rng = np.random.default_rng(1)
    ps = [
        heterogeneity_p(cells=crossed({"a": 1, "b": 1, "c": 1}, rng) if kind == "crossed" else nested(rng))
        for _ in range(400)
    ]
    assert all(p is not None for p in ps)
    small = sum(p is not None and p <= 0.05 for p in ps)
    assert 5 <= small <= 34  # 20 are expected


def test_a_group_that_shows_it_less_is_found() -> None:
    p = heterogeneity_p(cells=crossed({"a": 1, "b": 0.2}, np.random.default_rng(2)))
    assert p is not None
    assert p < 0.001


def test_two_by_two_is_the_mantel_haenszel_test() -> None:
    # Without correction for continuity: (8 - 5)^2 / (10 * 10 * 10 * 10 / (400 * 19)) = 6.84, one degree of freedom.
    cells = [
        GroupCell("a", "t", 10, 8),
        GroupCell("b", "t", 10, 2),
        GroupCell("a", "u", 5, 5),
        GroupCell("b", "u", 5, 5),
    ]
    p = heterogeneity_p(cells=cells)
    assert p == pytest.approx(0.00891, abs=0.00001)


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [GroupCell("a", "t", 100, 50)],
        [GroupCell("a", "t", 4, 4), GroupCell("b", "t", 4, 0)],
        [GroupCell(group, f"{group}{t}", 5, 0) for group in "ab" for t in range(9)],
    ],
)
def test_too_little_gives_no_p_value(cells: Cells) -> None:
    assert heterogeneity_p(cells=cells) is None


counts = st.tuples(st.sampled_from("abc"), st.sampled_from("tuvwxyz"), st.integers(1, 9), st.integers(0, 9))


@settings(max_examples=200)
@given(st.lists(counts, max_size=30))
def test_numbers_stay_within_their_bounds_and_the_order_of_rows_is_nothing(
    rows: list[tuple[str, str, int, int]],
) -> None:
    cells = [GroupCell(group, task, n, min(k, n)) for group, task, n, k in rows]
    p, back = heterogeneity_p(cells=cells), heterogeneity_p(cells=cells[::-1])
    assert (p is None) == (back is None)
    if p is not None and back is not None:
        assert 0 <= p <= 1
        assert p == pytest.approx(back, rel=1e-6, abs=1e-12)
    interval = clustered_rate(cells=cells)
    if cells:
        assert interval is not None
        rate = sum(c.shown for c in cells) / sum(c.attempts for c in cells)
        assert 0 <= interval[0] <= interval[1] <= 1
        assert interval[0] - 0.2 <= rate <= interval[1] + 0.2
    else:
        assert interval is None


def test_attempts_at_one_task_are_no_evidence_of_their_number() -> None:
    narrow = clustered_rate(cells=[GroupCell("a", str(t), 1, t % 2) for t in range(100)])
    wide = clustered_rate(cells=[GroupCell("a", str(t), 10, 10 * (t % 2)) for t in range(10)])
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert clustered_rate(cells=[GroupCell("a", str(t), 50, 0) for t in range(4)]) == pytest.approx(
        (0.0, 0.49), abs=0.01
    )
