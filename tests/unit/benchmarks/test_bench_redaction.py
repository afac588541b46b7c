"""The shapes of secrets that redaction is measured on are all found, and the measurement counts what it says."""

import pytest

from benchmarks.redaction import Shape, missed, shapes
from halo_opt.redaction import RedactionRules, Redactor

REDACTOR = Redactor(RedactionRules(environment=False))
SHAPES = list(shapes())


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_no_part_of_the_secret_is_left(shape: Shape) -> None:
    assert not missed(REDACTOR, shape)


def test_there_are_at_least_seventy_two_shapes() -> None:
    assert len({shape.name for shape in SHAPES}) >= 72


def test_a_shape_is_missed_when_its_secret_is_left() -> None:
    assert missed(REDACTOR, Shape("words", "the word is sunshinevalley", ("sunshinevalley",)))
