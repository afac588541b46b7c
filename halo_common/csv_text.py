"""Rows as CSV that is safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Readers of CSV disagree about which of these end a line, also within quotes; NUL ends the reading of some.
_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# The beginning of a cell, or of a line within one, that a spreadsheet takes for a formula. The last four are
# full-width forms of the first four.
_FORMULA = re.compile(r"^(?=\t|\s*[=+\-@＝＋－＠])", re.MULTILINE)  # noqa: RUF001


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV text with `\\n` after each row; None is an empty cell.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, as does a line within a text. Other
    line breaks than `\\n` become `\\n`, and NUL characters are left out. Numbers stay as they are.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _FORMULA.sub("'", _LINE_BREAKS.sub("\n", str(value).replace("\0", "")))
