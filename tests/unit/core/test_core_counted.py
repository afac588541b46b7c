"""Counts as people say them."""

from halo_opt.core.text import counted


def test_one_is_one_and_thousands_are_separated() -> None:
    assert [counted(n, "call") for n in (0, 1, 1200)] == ["0 calls", "1 call", "1,200 calls"]
    assert counted(2, "hypothesis", "hypotheses") == "2 hypotheses"
