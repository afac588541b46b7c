"""Intervals of one rate, the correction for many tests, and the registry that reports name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from halo_opt.stats.intervals import cluster_t, wilson
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.stats.registry import STATISTICS


@given(n=st.integers(1, 60), data=st.data())
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(successes=k, n=n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_attempts_have_no_interval() -> None:
    assert wilson(successes=0, n=0) is None
    assert STATISTICS["rate_interval"]([]) is None


def test_clustered_attempts_widen_the_interval() -> None:
    tasks = [str(i // 10) for i in range(100)]
    together = [float((i // 10) % 2) for i in range(100)]
    apart = [float(i % 2) for i in range(100)]
    wide = cluster_t(clusters=tasks, values=together, low=0, high=1)
    narrow = cluster_t(clusters=tasks, values=apart, low=0, high=1)
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 0.5 > narrow[1] - narrow[0]


@given(ps=st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=30))
def test_a_q_value_is_the_least_bound_over_all_p_values_no_smaller(ps: list[float]) -> None:
    ranks = {p: sum(other <= p for other in ps) for p in ps}
    bounds = {p: p * len(ps) / rank for p, rank in ranks.items()}
    expected = [min(1.0, *(bounds[other] for other in ps if other >= p)) for p in ps]
    assert benjamini_hochberg(ps) == pytest.approx(expected, rel=1e-12)


def test_nothing_tested_has_no_q_values() -> None:
    assert benjamini_hochberg([None, None]) == [None, None]
    assert benjamini_hochberg([]) == []


def test_untested_behaviours_do_not_count_as_tests() -> None:
    assert benjamini_hochberg([0.01, None, 0.04]) == [pytest.approx(0.02), None, pytest.approx(0.04)]


def test_registry_q_value_is_that_of_the_marked_row() -> None:
    assert STATISTICS["q_value"]([(False, 0.01), (True, 0.04), (False, None)]) == pytest.approx(0.04)
    with pytest.raises(ValueError, match="exactly one marked row, got 0"):
        STATISTICS["q_value"]([(False, 0.01)])


def test_rate_interval_uses_wilson_when_each_task_is_seen_once() -> None:
    rows = [(str(i), i % 2) for i in range(10)]
    assert STATISTICS["rate_interval"](rows) == pytest.approx(wilson(successes=5, n=10))


def test_contrast_numbers_come_from_cell_rows() -> None:
    rows = [("r", "a", 10, 8, 10, 3), ("r", "b", 10, 8, 10, 3)]
    assert STATISTICS["stratified_difference"](rows) == pytest.approx(0.5)
    assert STATISTICS["failures_explained"](rows) == pytest.approx(10)
    assert STATISTICS["stratified_p"]([]) is None
