"""Lists of names in sentences."""

import pytest

from halo_opt.core.text import listed


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefgh"), "a, b, c, d, e and 3 more"),
    ],
)
def test_long_lists_are_counted_instead_of_written_out(names: list[str], text: str) -> None:
    assert listed(names) == text
