"""Stratified contrasts: exact against scipy, blind to task difficulty, honest where the data cannot tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from halo_opt.stats.contrast import (
    Cell,
    contrast,
    exact_stratified_p,
)
from halo_opt.stats.stratified import (
    clustered_interval,
    mantel_haenszel_difference,
    mantel_haenszel_ratio,
    sato_interval,
)


def cell(task: str, table: tuple[int, int, int, int], run: str = "r") -> Cell:
    return Cell(run, task, *table)


def draw(rng: np.random.Generator, *, tasks: int, attempts: int, effect: float, tracks_difficulty: bool) -> list[Cell]:
    """Attempts whose failure depends on task difficulty and, by `effect`, on the behaviour."""
    cells = []
    for task in range(tasks):
        difficulty = rng.beta(1, 1) * (1 - effect)
        shows = rng.random(attempts) < (difficulty if tracks_difficulty else 0.4)
        failed = rng.random(attempts) < difficulty + effect * shows
        counts = (int(shows.sum()), int((shows & failed).sum()), int((~shows).sum()), int((~shows & failed).sum()))
        cells.append(cell(str(task), counts))
    return cells


@settings(max_examples=80, deadline=None)
@given(w=st.integers(1, 15), o=st.integers(1, 15), data=st.data())
def test_one_stratum_is_fishers_exact_test(w: int, o: int, data: st.DataObject) -> None:
    wf, of = data.draw(st.integers(0, w)), data.draw(st.integers(0, o))
    p_value, floor = exact_stratified_p(strata=[(w, wf, o, of)])
    expected = fisher_exact(np.array([[wf, w - wf], [of, o - of]])).pvalue
    assert p_value == pytest.approx(expected, rel=1e-6)
    assert floor <= p_value + 1e-12


def test_exact_test_equals_all_permutations_within_strata() -> None:
    strata = [(2, 2, 2, 0), (1, 1, 3, 1), (2, 1, 1, 0)]
    rng = np.random.default_rng(5)
    shows = [np.array([1] * w + [0] * o) for w, _, o, _ in strata]
    failed = [np.array([1] * wf + [0] * (w - wf) + [1] * of + [0] * (o - of)) for w, wf, o, of in strata]
    observed = sum(int((s * f).sum()) for s, f in zip(shows, failed, strict=True))
    draws = [sum(int((s * rng.permutation(f)).sum()) for s, f in zip(shows, failed, strict=True)) for _ in range(20000)]
    counts = np.bincount(draws, minlength=8) / len(draws)
    simulated = counts[counts <= counts[observed] + 0.01].sum()
    assert exact_stratified_p(strata=strata)[0] == pytest.approx(simulated, abs=0.02)


def test_difference_of_one_stratum_is_the_plain_difference_of_failure_rates() -> None:
    assert mantel_haenszel_difference(strata=[(10, 8, 20, 6)]) == pytest.approx(0.8 - 0.3)


def test_sato_interval_of_one_large_stratum_is_close_to_the_textbook_one() -> None:
    low, high = sato_interval(strata=[(400, 240, 500, 150)]) or (0.0, 0.0)
    half = 1.96 * (0.6 * 0.4 / 400 + 0.3 * 0.7 / 500) ** 0.5
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.002)


def test_perfect_agreement_still_has_a_wide_interval() -> None:
    low, high = sato_interval(strata=[(3, 3, 3, 0)]) or (0.0, 0.0)
    assert low < 0.5
    assert high == pytest.approx(1.0)


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [cell("a", (4, 4, 0, 0))],
        [cell("a", (2, 2, 2, 2)), cell("b", (1, 1, 3, 3))],
        [cell("a", (4, 4, 0, 0)), cell("b", (0, 0, 4, 0))],
    ],
    ids=["no attempts", "behaviour always", "all failures", "behaviour only ever in the hard task"],
)
def test_data_that_cannot_tell_give_none_not_zero(cells: list[Cell]) -> None:
    got = contrast(cells)
    assert got.informative == 0
    assert (got.difference, got.interval, got.p_value, got.explained) == (None, None, None, None)


def test_repeated_tasks_are_compared_within_task() -> None:
    assert contrast([cell("a", (2, 2, 2, 0)), cell("b", (2, 1, 2, 0))]).stratified_by == "task"


def test_several_runs_with_repeats_are_compared_within_run_and_task() -> None:
    cells = [cell("a", (2, 2, 2, 0), "r1"), cell("a", (2, 2, 2, 0), "r2")]
    assert contrast(cells).stratified_by == "run and task"


def test_single_attempts_in_one_run_are_compared_across_tasks_and_say_so() -> None:
    cells = [cell(str(i), (1, 1, 0, 0) if i < 5 else (0, 0, 1, 0)) for i in range(10)]
    got = contrast(cells)
    assert got.stratified_by == "none"
    assert got.p_value == pytest.approx(fisher_exact(np.array([[5, 0], [0, 5]])).pvalue)


def test_a_behaviour_of_one_run_alone_is_not_blamed_for_that_runs_failures() -> None:
    """Each task once per run; the worse run always shows the behaviour: within runs nothing can be told."""
    worse = [cell(str(i), (1, 1, 0, 0), "worse") for i in range(20)]
    better = [cell(str(i), (0, 0, 1, 0), "better") for i in range(20)]
    got = contrast(worse + better)
    assert got.stratified_by == "task, and run"
    assert got.p_value is None


def test_explained_failures_are_the_excess_among_attempts_with_the_behaviour() -> None:
    got = contrast([cell("a", (10, 8, 10, 3)), cell("b", (10, 8, 10, 3))])
    assert got.explained == pytest.approx(20 * 0.5)
    assert got.explained_interval is not None
    assert 0 <= got.explained_interval[0] < 10 < got.explained_interval[1] <= 16


def test_a_behaviour_that_only_tracks_difficulty_is_called_no_more_often_than_chance() -> None:
    rng = np.random.default_rng(7)
    called = sum(
        (contrast(draw(rng, tasks=40, attempts=4, effect=0.0, tracks_difficulty=True)).p_value or 1.0) <= 0.05
        for _ in range(300)
    )
    assert called / 300 <= 0.07


def test_a_real_effect_is_found_and_covered_by_its_interval() -> None:
    rng = np.random.default_rng(8)
    found = covered = 0
    for _ in range(200):
        got = contrast(draw(rng, tasks=40, attempts=4, effect=0.4, tracks_difficulty=False))
        found += (got.p_value or 1.0) <= 0.05
        covered += got.interval is not None and got.interval[0] <= 0.4 <= got.interval[1]
    assert found / 200 > 0.9
    assert covered / 200 > 0.90


def test_an_interval_never_excludes_zero_where_the_exact_test_does_not_reject() -> None:
    got = contrast([cell("a", (1, 1, 3, 1)), cell("b", (1, 1, 3, 2)), cell("c", (2, 2, 2, 1))])
    assert got.p_value is not None
    assert got.p_value > 0.05
    assert got.interval is not None
    assert got.interval[0] <= 0


@settings(max_examples=60, deadline=None)
@given(data=st.data(), tasks=st.integers(1, 6))
def test_numbers_stay_in_their_ranges_and_ignore_the_order_of_cells(data: st.DataObject, tasks: int) -> None:
    cells = []
    for task in range(tasks):
        w, o = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
        cells.append(cell(str(task), (w, data.draw(st.integers(0, w)), o, data.draw(st.integers(0, o)))))
    got, again = contrast(cells), contrast(cells[::-1])
    assert got.difference == pytest.approx(again.difference)
    assert got.p_value == pytest.approx(again.p_value)
    if got.difference is None:
        return
    assert got.interval is not None
    assert got.explained is not None
    assert -1 <= got.interval[0] <= got.difference + 1e-9
    assert got.difference - 1e-9 <= got.interval[1] <= 1
    assert 0 < (got.p_floor or 0) <= (got.p_value or 0) + 1e-12
    assert 0 <= got.explained <= sum(c.with_failed for c in cells)


def test_ratio_of_one_stratum_is_the_plain_ratio_of_failure_rates() -> None:
    ratio, (low, high) = mantel_haenszel_ratio(strata=[(400, 240, 500, 150)]) or (0.0, (0.0, 0.0))
    assert ratio == pytest.approx(2.0)
    half = 1.96 * (1 / 240 - 1 / 400 + 1 / 150 - 1 / 500) ** 0.5
    assert (np.log(low), np.log(high)) == pytest.approx((np.log(2) - half, np.log(2) + half), abs=0.001)


@pytest.mark.parametrize("table", [(3, 0, 3, 2), (3, 2, 3, 0), (3, 1, 0, 0)])
def test_a_ratio_that_would_be_zero_or_endless_is_not_given(table: tuple[int, int, int, int]) -> None:
    assert mantel_haenszel_ratio(strata=[table]) is None


def test_interval_by_task_is_wider_where_the_effect_differs_from_task_to_task() -> None:
    same = {str(n): {n: (10, 7, 10, 4)} for n in range(12)}
    mixed = {str(n): {n: (10, 10, 10, 0) if n % 2 else (10, 4, 10, 8)} for n in range(12)}
    low, high = clustered_interval(cells=mixed) or (0.0, 0.0)
    assert clustered_interval(cells=same) == pytest.approx((0.3, 0.3))
    assert low < 0.0
    assert high > 0.3


def test_interval_by_task_covers_the_effect_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        cells = {}
        for task in range(25):
            effect, base = rng.choice([0.0, 0.6]), rng.uniform(0.1, 0.3)
            wf, of = int(rng.binomial(6, base + effect)), int(rng.binomial(6, base))
            cells[str(task)] = {task: (6, wf, 6, of)}
        low, high = clustered_interval(cells=cells) or (1.0, 1.0)
        covered += low <= 0.3 <= high
    assert covered / 300 >= 0.92


def test_few_tasks_give_no_interval_by_task() -> None:
    assert clustered_interval(cells={str(n): {n: (5, 4, 5, 1)} for n in range(4)}) is None


def test_a_task_seen_in_several_runs_counts_once_as_evidence() -> None:
    def copies(runs: int) -> list[Cell]:
        tables = [(4, 4, 4, 0) if task % 3 else (4, 0, 4, 3) for task in range(9)]
        return [cell(str(task), table, run=f"r{run}") for task, table in enumerate(tables) for run in range(runs)]

    (low1, high1), (low9, high9) = contrast(copies(1)).interval or (0, 0), contrast(copies(9)).interval or (0, 0)
    assert high9 - low9 > 0.8 * (high1 - low1)
