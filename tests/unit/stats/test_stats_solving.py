"""pass@k: exact against enumeration, honest where attempts are too few."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.stats.registry import STATISTICS
from halo_opt.stats.solving import mean_pass_at_k, pass_at_k


@given(n=st.integers(1, 8), data=st.data())
def test_pass_at_k_is_the_share_of_samples_that_hold_a_success(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    samples = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(attempts=n, solved=c, k=k) == pytest.approx(sum(map(any, samples)) / len(samples))


def test_fewer_attempts_than_k_give_no_number() -> None:
    assert pass_at_k(attempts=2, solved=1, k=3) is None
    assert mean_pass_at_k(tasks=[(2, 1), (1, 0)], k=3) is None


def test_tasks_with_too_few_attempts_are_left_out_of_the_mean() -> None:
    mean, interval = mean_pass_at_k(tasks=[(4, 4), (4, 0), (1, 1)], k=2) or (None, None)
    assert mean == 0.5
    assert interval is not None
    assert interval[0] == 0.0


def test_the_registry_reads_k_from_the_rows_and_refuses_two() -> None:
    rows = [("a", 3, 1, 3), ("b", 3, 0, 3)]
    assert STATISTICS["pass_at_k"](rows) == 0.5
    assert STATISTICS["pass_at_k"]([]) is None
    with pytest.raises(ValueError, match="one k"):
        STATISTICS["pass_at_k"]([("a", 3, 1, 3), ("b", 3, 0, 2)])
