"""A behaviour counted by run: when it marks runs, and what mining's comparisons of these runs add."""

import pytest

from halo_opt.analysis.tools.by_run import RunCounts, by_run_text, marked_runs
from halo_opt.core.report_records import GroupComparison, Number


def run(name: str, shown: int, attempts: int = 60) -> RunCounts:
    return RunCounts(
        run_id=name, mode="m", model=None, shown=shown, attempts=attempts, failures_shown=shown, failures=attempts
    )


def number(value: float) -> Number:
    return Number(value=value, sql="SELECT 1")


COMPARED = GroupComparison(
    by="run",
    worse="a",
    better="b",
    tasks=number(60),
    lost=number(25),
    won=number(0),
    p_value=number(6e-8),
    q_value=1e-6,
)


@pytest.mark.parametrize(
    ("rows", "marked"),
    [
        ([run("a", 60), run("b", 0), run("c", 1)], 1),
        ([run("a", 60), run("b", 58), run("c", 1)], 2),
        ([run("a", 60), run("b", 30)], 0),
        ([run("a", 60), run("b", 60)], 0),
        ([run("a", 3, attempts=3), run("b", 0)], 0),
        ([run("a", 60)], 0),
    ],
)
def test_runs_are_marked_where_nearly_all_of_theirs_and_nearly_none_of_the_others_show_it(
    rows: list[RunCounts], marked: int
) -> None:
    assert marked_runs(rows) == marked


def test_the_comparison_of_a_marked_run_with_another_is_added() -> None:
    told = by_run_text([run("a", 60), run("b", 0)], [COMPARED])
    assert "run a does worse than b (of 60 tasks that both tried, worse on 25 and better on 0" in told
    assert "does worse" not in by_run_text([run("a", 60), run("b", 30)], [COMPARED])
    unclear = COMPARED.model_copy(update={"q_value": 0.9})
    assert "differs clearly" in by_run_text([run("a", 60), run("b", 0)], [unclear])


def test_columns_that_are_the_same_everywhere_are_left_out() -> None:
    told = by_run_text([run("a", 60), run("b", 0)], [])
    assert "run_id\tattempts that show it" in told and by_run_text([run("a", 60)], []) == ""
