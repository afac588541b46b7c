"""CSV text: what a reader gets back, and what no spreadsheet runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_common.csv_text import csv_text

FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1+1", "\n=1", " =1", "\r\n@x", "\x0b=1", "＝1"]  # noqa: RUF001


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("cell", [*FORMULAS, "\0=1", "\u2028=1", "\x85=1"])
def test_no_line_of_the_text_begins_a_formula(cell):
    text = csv_text([[cell, "b"], ["a", f"b{cell}"]])
    assert [line for line in text.splitlines() if line.lstrip('" ')[:1] in {*"=+-@\t\r"}] == []


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_is_a_text_for_every_reader(cell):
    [[found, other]] = read(csv_text([[cell, "b"]]))
    assert (found[0], other) == ("'", "b")


def test_numbers_and_missing_values_stay_as_they_are():
    assert csv_text([[-1, 2.5, None, True]]) == "-1,2.5,,True\n"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
def test_rows_and_cells_are_as_many_for_a_reader_as_were_written(rows):
    found = read(csv_text(rows))
    assert [len(row) for row in found] == [2] * len(rows)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
def test_no_cell_and_no_line_begins_as_a_formula(rows):
    text = csv_text(rows)
    firsts = [cell[:1] for row in read(text) for cell in row] + [line.strip('"')[:1] for line in text.splitlines()]
    assert not set(firsts) & {*"=+-@\t\r"}


def test_plain_words_come_back_as_they_were():
    assert read(csv_text([['x,"y"\nz', "a - b"]])) == [['x,"y"\nz', "a - b"]]
