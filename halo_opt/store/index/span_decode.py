"""Chunks of flat span files decoded into columns; lines that are no spans are returned apart.

A chunk in which every line has the strict form is decoded in one call. Any other line goes to the line-by-line reader.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from halo_opt.store.files.lines import decode_object, head_of
from halo_opt.store.index.span_columns import Column, Line, columns_of
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.span_lines import problem_of, span_of
from halo_opt.store.readers.span_trace import span_row
from halo_opt.store.rows import SpanRow

_DECODER = msgspec.json.Decoder(Line)
# Small enough that a copy of it stays in the processor's first cache.
_BLOCK = 32_768
_Ints = NDArray[np.int64]


class Rejected(NamedTuple):
    """A line that is not a span; `cut_off` when it may be one once the rest of it is written."""

    line: int
    byte_offset: int
    reason: str
    head: str
    cut_off: bool


@dataclass
class Decoded:
    """Some whole lines: the columns of most spans, rows of the others, what is no span, and how many lines there are.

    `columns` is what `columns_of` gives, with `line`, `byte_offset` and `byte_length`; empty without such spans.
    """

    lines: int
    columns: dict[str, Column] = field(default_factory=dict)
    rows: list[SpanRow] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def decode(chunk: bytes, *, line: int, offset: int) -> Decoded:
    """Decode a chunk of lines whose first is number `line` and begins at byte `offset` of its file."""
    numbers, starts, ends, lines = _places(chunk)
    found = Decoded(lines)
    columns = _all_at_once(chunk, len(starts))
    if columns is None:
        strict = [_all_at_once(chunk[start:end], 1) is not None for start, end in zip(starts, ends, strict=True)]
        for place in (place for place, good in enumerate(strict) if not good):
            start, end = int(starts[place]), int(ends[place])
            at = (line + int(numbers[place]), offset + start)
            _slowly(found, chunk[start:end], *at, last=end == len(chunk))
        numbers, starts, ends = numbers[strict], starts[strict], ends[strict]
        together = b"\n".join(chunk[start:end] for start, end in zip(starts, ends, strict=True))
        columns = _all_at_once(together, len(starts))
    if columns:
        places = {"line": line + numbers, "byte_offset": offset + starts, "byte_length": ends - starts}
        found.columns = {**columns, **places}
    return found


def _places(chunk: bytes) -> tuple[_Ints, _Ints, _Ints, int]:
    """Number from 0, start, and end without line end of every line that is not blank, and how many lines there are."""
    found, end = [], chunk.find(b"\n")
    while end >= 0:
        found.append(end)
        end = chunk.find(b"\n", end + 1)
    if not chunk.endswith(b"\n"):
        found.append(len(chunk))
    ends = np.array(found, dtype=np.int64)
    starts = np.concatenate(([0], ends[:-1] + 1))
    data = np.frombuffer(chunk, dtype=np.uint8)
    while (returns := (ends > starts) & (data[ends - 1] == 13)).any():
        ends = ends - returns
    odd = np.flatnonzero(data[np.minimum(starts, len(chunk) - 1)] != 123)
    blank = [place for place in odd if not chunk[starts[place] : ends[place]].strip()]
    numbers = np.delete(np.arange(len(found)), blank)
    return numbers, starts[numbers], ends[numbers], len(found)


def _all_at_once(chunk: bytes, wanted: int) -> dict[str, Column] | None:
    """The columns of a chunk in which every line has the strict form; None when some need a closer look."""
    try:
        _check_utf8(chunk)
        lines = _DECODER.decode_lines(chunk)
        if len(lines) != wanted:
            return None
        return columns_of(lines) if lines else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _check_utf8(chunk: bytes) -> None:
    """Raise UnicodeDecodeError unless all of it is UTF-8: the decoder does not look at what it skips."""
    start, size = 0, len(chunk)
    while start < size:
        end = min(start + _BLOCK, size)
        block = chunk[start:end]
        if not block.isascii():
            while end < size and chunk[end] & 0xC0 == 0x80:
                end += 1  # a letter lies across the end of the block
            chunk[start:end].decode("utf-8")
        start = end


def _slowly(found: Decoded, raw: bytes, line: int, offset: int, *, last: bool) -> None:
    record, reason = decode_object(raw if last else raw + b"\n")
    problem = reason if record is None else problem_of(record)
    if record is None or problem is not None:
        cut_off = last and reason is not None
        found.rejected.append(Rejected(line, offset, problem or "no span", head_of(raw), cut_off=cut_off))
        return
    span = span_of(record, "", line)
    row = span_row(span, names.kind_of(span.attributes, span.name))
    found.rows.append(row._replace(byte_offset=offset, byte_length=len(raw)))
