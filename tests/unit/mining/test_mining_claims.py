"""What a finding says of its own contrast, in words."""

import pytest

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.findings import claim_of
from halo_opt.mining.measure import Measured
from halo_opt.stats.contrast import Contrast

LOWER = Contrast("task", 9, -0.05, (-0.27, 0.17), 0.7, 0.01, 0.0, (0.0, 8.0))


@pytest.mark.parametrize(
    ("failures_with", "successes_with", "words"),
    [
        (60, 20, "Over all attempts, failures show it more often, perhaps only because harder tasks do."),
        (13, 35, "Over all attempts, failures do not show it more often either."),
    ],
)
def test_only_what_failures_show_more_often_can_come_with_harder_tasks(
    failures_with: int, successes_with: int, words: str
) -> None:
    behaviour = Behaviour(name="hands_over", title="Hands over", meaning="", sql="SELECT 1")
    measured = Measured(behaviour, "tested", "", failures_with, 116, successes_with, 84, LOWER, "SELECT 1")
    claim = claim_of(measured, 1.0, early=False)
    assert claim.endswith(f"than the others (difference -5 percentage points, 95% interval -27 to 17, q = 1). {words}")
