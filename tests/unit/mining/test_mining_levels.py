"""The level of a finding, why it is not higher, and what data would lift it."""

from dataclasses import replace
from typing import Any

import pytest

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.levels import Support, level_of
from halo_opt.mining.measure import NOTHING_VARIES, WHOLE_ATTEMPT, Measured
from halo_opt.stats.contrast import Contrast
from halo_opt.stats.paired import sign_test

SLIPS = Behaviour(name="slips", title="Slips", meaning="m", sql="SELECT 1")
SHOWN = Support("shown", "why", "lift")


def measured(p: float = 0.01, difference: float = 0.2, **more: Any) -> Measured:
    c = Contrast("task", 9, difference, (0.0, 0.4), p, 1e-9, 5.0, (0.0, 9.0))
    return replace(Measured(SLIPS, "tested", "", 20, 40, 10, 40, c, ""), **more)


def untested(reason: str, **more: Any) -> Measured:
    return measured(state="described", reason=reason, contrast=None, **more)


def test_a_corrected_test_proves() -> None:
    assert level_of(measured(), 0.03) == ("proven", "", "")


def test_a_proof_counts_more_than_a_whole_run() -> None:
    assert level_of(measured(), 0.03, SHOWN).level == "proven"


def test_without_a_proof_a_whole_run_is_shown() -> None:
    assert level_of(measured(), 0.2, SHOWN) == SHOWN


def test_chance_is_the_reason_and_the_number_of_attempts_the_remedy() -> None:
    support = level_of(measured(p=0.04), 0.2)
    assert support.level == "suspected"
    assert support.reason.endswith("the corrected test does not exclude chance (q = 0.2).")
    assert support.to_lift.startswith("About 2 times as many attempts")


def test_a_difference_of_nothing_is_not_worth_more_attempts() -> None:
    assert "more than 20 times as many" in level_of(measured(p=0.9, difference=0.01), 0.95).to_lift


def test_a_difference_in_favour_is_said() -> None:
    assert "do not fail more often" in level_of(measured(difference=-0.1), 0.5).reason


@pytest.mark.parametrize(
    ("reason", "counts", "lift"),
    [
        ("there are no successes to compare with", {"successes": 0}, "Successes at the same tasks"),
        ("there are fewer than 5 failures", {"failures": 3, "failures_with": 3}, "2 more failures."),
        ("fewer than 5 attempts show it", {"failures_with": 3, "successes_with": 1}, "1 more attempt that shows it."),
        (NOTHING_VARIES, {}, "Try each task at least twice"),
        (WHOLE_ATTEMPT, {}, "A predicate that names the first step"),
    ],
)
def test_where_a_test_is_missing_the_reason_says_why(reason: str, counts: dict[str, int], lift: str) -> None:
    support = level_of(untested(reason, **counts), None)
    assert support.reason == f"No test was made because {reason}."
    assert support.to_lift.startswith(lift)


def test_the_sign_test_is_exact() -> None:
    assert sign_test(lost=25, won=0) == pytest.approx(2 / 2**25)
    assert sign_test(lost=3, won=1) == pytest.approx(2 * 5 / 16)
    assert sign_test(lost=0, won=0) == 1.0
