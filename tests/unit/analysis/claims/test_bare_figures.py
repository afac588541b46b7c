"""Which figures of a text come from no checked number: those that count; not names, options, code or quotes."""

import pytest

from halo_opt.analysis.claims.bare_figures import bare_figures


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("It runs find -mtime +7 and stops", []),
        ("Raise max_tokens to 512", []),
        ('It says "7 files" and `head -3`', []),
        ("Seen in {failures_with} of {failures}", []),
        ("Attempt 00fc44e3426fd3f0 shows it at step 4", []),
        ("There are two ways of failing", []),
        ("It does so twice", ["twice"]),
        ("15 of 60 attempts", ["15", "60"]),
        ("Half of them, 23% in all", ["Half", "23%"]),
        ("Two attempts in three fail", ["Two"]),
        ("In the react run 47 of 53 attempts", ["47", "53"]),
        ("in all other runs 2 show it", ["2"]),
        ("on the same tasks 32, in multiturn 2", ["32", "2"]),
    ],
)
def test_figures_that_count_are_found(text: str, figures: list[str]) -> None:
    assert bare_figures(text) == figures
