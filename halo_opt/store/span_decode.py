"""Flat span lines to columns, fast: only what the index needs is decoded, the rest is skipped. No I/O, no database.

A span is a few kilobytes of text around a dozen short facts. Decoding into dictionaries costs several times what
skipping costs, so the facts are named ahead, in a struct per line, and handled a column at a time. What an attribute
means is said in `readers.conventions` alone: the struct's fields are its names. A line that is not of the strict form
that nearly all have is read by itself, with all the patience of the line-by-line reader.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from halo_opt.store.lines import decode_object, head_of
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.span_lines import STATUS, problem_of, span_of
from halo_opt.store.readers.span_steps import STEP_INDEX
from halo_opt.store.readers.span_trace import span_row
from halo_opt.store.rows import SpanRow
from halo_opt.store.values import call_hash, integer, text

# Attributes by the only type that the quick way takes; arguments may be long and stay bytes until a call needs them.
_TYPES: dict[str, Any] = {
    **dict.fromkeys(names.ARGUMENTS, msgspec.Raw),
    **dict.fromkeys((*names.KIND, *names.MODEL, *names.TOOL, "error.type"), str | None),
    **dict.fromkeys((*names.TOKENS_IN, *names.TOKENS_OUT, STEP_INDEX), int | None),
    **dict.fromkeys(names.COST, float | None),
}
_NOTHING = msgspec.Raw(b"null")
_FIELD = {name: f"f{place}" for place, name in enumerate(_TYPES)}
_Told: Any = msgspec.defstruct(
    "_Told",
    [
        (_FIELD[name], kind, msgspec.field(default=_NOTHING if kind is msgspec.Raw else None, name=name))
        for name, kind in _TYPES.items()
    ],
    gc=False,
)


class _Status(msgspec.Struct, gc=False, frozen=True):
    code: str | int | None = None
    message: str | None = None


_Id = Annotated[str, msgspec.Meta(min_length=1)]
_Line: Any = msgspec.defstruct(
    "_Line",
    [
        ("trace_id", _Id),
        ("span_id", _Id),
        ("name", str),
        ("parent_span_id", str | None, None),
        ("start_time", str | None, None),
        ("end_time", str | None, None),
        ("status", _Status, _Status()),
        ("attributes", _Told, msgspec.field(default_factory=_Told)),
    ],
    gc=False,
)
_DECODER = msgspec.json.Decoder(_Line)
# Small enough that a copy of it stays in the processor's cache.
_BLOCK = 32_768
_OWN = ("trace_id", "span_id", "parent_span_id", "name", "start_time", "end_time")
# What only a model call's row tells, by the column; of several attributes the first that is there counts.
_OF_REPLIES = {
    "model": names.MODEL,
    "tokens_in": names.TOKENS_IN,
    "tokens_out": names.TOKENS_OUT,
    "cost_usd": names.COST,
}
# What stands for a number that is not known: arrays of numbers have no None.
NO_INTEGER = -(2**63)
_INTEGERS = ("tokens_in", "tokens_out", "step", "call_hash")
Column = list[str | None] | NDArray[Any]


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

    `columns` are of one length: a span's own fields with its times as it has them, and what the index holds beside.
    Numbers are arrays, with `NO_INTEGER` and NaN for what is not known; text is a list.
    """

    lines: int
    columns: dict[str, Column] = field(default_factory=dict)
    rows: list[SpanRow] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class _Memo(dict[Any, Any]):
    """Answers of a function by its argument: spans are many, their kinds and states few."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, key: Any) -> Any:
        self[key] = found = self._answer(key)
        return found


def decode(chunk: bytes, *, line: int, offset: int) -> Decoded:
    """Decode a chunk of lines whose first is number `line` and begins at byte `offset` of its file."""
    numbers, starts, ends, lines = _places(chunk)
    found = Decoded(lines)
    structs = _all_at_once(chunk, len(starts))
    if structs is None:
        structs, kept = [], []
        for place, (number, start, end) in enumerate(zip(numbers, starts, ends, strict=True)):
            struct = _one(chunk[start:end])
            if struct is not None:
                structs.append(struct)
                kept.append(place)
            else:
                at, last = (line + int(number), offset + int(start)), end == len(chunk)
                _slowly(found, chunk[start:end], *at, last=bool(last))
        numbers, starts, ends = numbers[kept], starts[kept], ends[kept]
    if structs:
        _columns(found, structs)
        found.columns["line"] = line + numbers
        found.columns["byte_offset"] = offset + starts
        found.columns["byte_length"] = ends - starts
    return found


_Places = NDArray[np.int64]


def _places(chunk: bytes) -> tuple[_Places, _Places, _Places, int]:
    """Number from 0, start, and end without line end of every line that is not blank, and how many lines there are."""
    data = np.frombuffer(chunk, dtype=np.uint8)
    ends = np.flatnonzero(data == 10)
    if not chunk.endswith(b"\n"):
        ends = np.append(ends, len(chunk))
    starts = np.concatenate(([0], ends[:-1] + 1))
    numbers = np.arange(len(ends))
    lines = len(ends)
    while (returns := (ends > starts) & (data[ends - 1] == 13)).any():
        ends = ends - returns
    odd = np.flatnonzero(data[np.minimum(starts, len(chunk) - 1)] != 123)
    if len(odd):
        blank = [place for place in odd if not chunk[starts[place] : ends[place]].strip()]
        numbers, starts, ends = (np.delete(array, blank) for array in (numbers, starts, ends))
    return numbers, starts, ends, lines


def _all_at_once(chunk: bytes, wanted: int) -> list[Any] | None:
    """The lines of a chunk in which every line has the strict form; None when some need a closer look."""
    try:
        _check_utf8(chunk)
        structs: list[Any] = _DECODER.decode_lines(chunk)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return structs if len(structs) == wanted else None


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


def _one(raw: bytes) -> Any:
    """One line of the strict form, or None."""
    found = _all_at_once(raw, 1)
    return found[0] if found else None


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


def _columns(found: Decoded, structs: list[Any]) -> None:
    told = list(map(attrgetter("attributes"), structs))
    status = list(map(attrgetter("status"), structs))
    columns = found.columns
    for name in _OWN:
        columns[name] = list(map(attrgetter(name), structs))
    span_names = cast(list[str], columns["name"])
    states = list(map(_STATUS.__getitem__, map(attrgetter("code"), status)))
    columns["status"] = cast(list[str | None], states)
    columns["status_message"] = list(map(attrgetter("message"), status))
    kinds = _kinds(told, span_names)
    columns["kind"] = cast(list[str | None], kinds)
    columns["error_type"] = _error_types(told, states, kinds)
    columns["step"] = _integers(_there(told, STEP_INDEX), None, len(told))
    _replies(columns, told, [place for place, kind in enumerate(kinds) if kind == "LLM"])
    _calls(columns, told, [place for place, kind in enumerate(kinds) if kind == "TOOL"], span_names)


_STATUS = _Memo(lambda code: STATUS.get(str(code).upper(), "unset"))
_KINDS = _Memo(lambda told: names.kind_of(dict(zip(names.KIND, told, strict=True)), ""))
_KIND_ALONE = _Memo(lambda told: _KINDS[(told, *_NO_KIND[1:])])
_KIND_OF = attrgetter(*(_FIELD[name] for name in names.KIND))
_NO_KIND = (None,) * len(names.KIND)


def _kinds(told: list[Any], span_names: Sequence[str]) -> list[str]:
    # The first hint counts above all others where it is there, which is nearly always.
    first = list(map(attrgetter(_FIELD[names.KIND[0]]), told))
    if all(first):
        return list(map(_KIND_ALONE.__getitem__, first))
    kinds = list(map(_KINDS.__getitem__, map(_KIND_OF, told)))
    if "SPAN" in kinds:
        # Nothing names these kinds; what else a span tells may.
        for place, kind in enumerate(kinds):
            if kind == "SPAN":
                kinds[place] = names.kind_of(_mapping(told[place]), span_names[place])
    return kinds


def _mapping(told: Any) -> dict[str, Any]:
    return {
        name: value
        for name, kind in _TYPES.items()
        if kind is not msgspec.Raw and (value := getattr(told, _FIELD[name])) is not None
    }


def _there(told: list[Any], name: str) -> list[Any] | None:
    """An attribute of all spans, None when no span has it."""
    found = list(map(attrgetter(_FIELD[name]), told))
    return None if found.count(None) == len(found) else found


def _first_there(told: list[Any], attributes: Sequence[str]) -> list[Any] | None:
    """Of each span the first of some attributes that it has; None when no span has any."""
    found: list[Any] | None = None
    for name in attributes:
        more = _there(told, name)
        if found is None:
            found = more
        elif more is not None:
            found = [other if value is None else value for value, other in zip(found, more, strict=True)]
        if found is not None and None not in found:
            break
    return found


def _error_types(told: list[Any], states: list[str], kinds: list[str]) -> list[str | None]:
    said = _there(told, "error.type")
    found: list[str | None] = [None] * len(told) if said is None else said
    if "error" in states:
        for place, state in enumerate(states):
            if state == "error" and found[place] is None:
                found[place] = "tool_error" if kinds[place] == "TOOL" else "error"
    return found


def _replies(columns: dict[str, Column], told: list[Any], places: list[int]) -> None:
    replies = [told[place] for place in places]
    for column, attributes in _OF_REPLIES.items():
        found = _first_there(replies, attributes)
        if column == "model":
            columns[column] = _texts(found, places, len(told))
        elif column == "cost_usd":
            columns[column] = _numbers(found, places, len(told))
        else:
            columns[column] = _integers(found, places, len(told))


def _texts(values: list[str | None] | None, places: list[int], count: int) -> list[str | None]:
    column: list[str | None] = [None] * count
    for place, value in zip(places, values or (), strict=False):
        column[place] = value
    return column


def _numbers(values: list[float | None] | None, places: list[int], count: int) -> NDArray[np.float64]:
    column = np.full(count, np.nan)
    if values is not None:
        column[places] = [np.nan if value is None else value for value in values]
    return column


def _integers(values: list[int | None] | None, places: list[int] | None, count: int) -> NDArray[np.int64]:
    column = np.full(count, NO_INTEGER, dtype=np.int64)
    if values is None:
        return column
    try:
        told = np.array([NO_INTEGER if value is None else value for value in values], dtype=np.int64)
    except OverflowError:  # beyond a BIGINT: not known
        fitting = map(integer, values)
        told = np.array([NO_INTEGER if value is None else value for value in fitting], dtype=np.int64)
    column[slice(None) if places is None else places] = told
    return column


def _calls(columns: dict[str, Column], told: list[Any], places: list[int], span_names: Sequence[str]) -> None:
    tools: list[str | None] = []
    hashes: list[int | None] = []
    for place in places:
        one = told[place]
        tool = next(filter(None, _TOOL_OF(one)), None) or span_names[place].removeprefix("execute_tool ") or "unknown"
        tools.append(tool)
        hashes.append(call_hash(tool, _arguments(one)))
    columns["tool"] = _texts(tools, places, len(told))
    columns["call_hash"] = _integers(hashes, places, len(told))


_TOOL_OF = attrgetter(*(_FIELD[name] for name in names.TOOL))
_ARGUMENTS_OF = attrgetter(*(_FIELD[name] for name in names.ARGUMENTS))


def _arguments(told: Any) -> str | None:
    for raw in _ARGUMENTS_OF(told):
        if raw is not _NOTHING and raw != b"null":
            return text(msgspec.json.decode(raw))
    return None
