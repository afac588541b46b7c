"""The index over flat span files: a row per span with its facts and its place in the file.

Texts stay in the trace files until contents are asked for (see `contents`). Of a file that has grown only the new bytes
are read, a few chunks at a time.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import duckdb
import numpy as np
import re2
from numpy.typing import NDArray

from halo_opt.store.index import span_decode
from halo_opt.store.index.span_columns import NO_INTEGER, Column
from halo_opt.store.rows import RejectRow
from halo_opt.store.sink import NOT_A_TIME, Sink
from halo_opt.store.values import UnreadTime
from halo_opt.store.values import time as time_of

FORMAT = "spans"
# Small enough to stay in the processor's cache from reading to decoding: larger chunks cost half as much again.
CHUNK = 1 << 20
# Large enough to make the cost of an insert small beside that of decoding; some 15 MB.
BATCH_ROWS = 30_720
# A row group of DuckDB's: as many are written as they are, fewer would go through its log, more would fill the memory.
COMMIT_ROWS = 122_880
_TIMES = {"start_time": "started_at", "end_time": "ended_at"}
_TEXT_OR_NONE = frozenset({str, type(None)})
_DATE = (
    r"20\d\d-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|20(?:[02468][048]|[13579][26])-02-29"
)
_USUAL_TIMES = re2.compile(rf"(?:(?:{_DATE})[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?Z\n)*".encode())


@dataclass(frozen=True)
class Place:
    """How far a file was read: bytes and lines; what follows is new, or a line that is still being written."""

    offset: int = 0
    lines: int = 0


def index_file(path: Path, connection: duckdb.DuckDBPyConnection, sink: Sink, *, since: Place = Place()) -> Place:
    """Put the spans of a file from `since` on into the table `spans`; returns how far it got."""
    place = since
    with path.open("rb") as file, _Batches(connection, sink, str(path)) as batches:
        for chunk, last in _chunks(file, since.offset):
            found = span_decode.decode(chunk, line=place.lines + 1, offset=place.offset)
            batches.add(found.columns)
            sink.counts["wrong_types"] += len(found.rows)
            for row in found.rows:
                sink.span(row._replace(source=str(path)))
            for reject in found.rejected:
                sink.reject(str(path), reject.line, reject.reason, reject.head, byte_offset=reject.byte_offset)
            cut = found.rejected[-1] if last and found.rejected and found.rejected[-1].cut_off else None
            if cut is not None:
                place = Place(cut.byte_offset, cut.line - 1)
            else:
                place = Place(place.offset + len(chunk), place.lines + found.lines)
    return place


def _chunks(file: BinaryIO, start: int) -> Iterator[tuple[bytes, bool]]:
    """Whole lines from `start` on, and whether they are the last; only the very last line may lack its end.

    What is written from now on is left for the next time: a file may grow faster than it is read.
    """
    left = os.fstat(file.fileno()).st_size - start
    file.seek(start)
    buffer, kept = bytearray(CHUNK), 0
    while True:
        view = memoryview(buffer)
        read = file.readinto(view[kept : kept + max(0, left)])  # type: ignore[attr-defined]
        left -= read
        filled = kept + read
        cut = filled if not read else buffer.rfind(b"\n", 0, filled) + 1
        if cut:
            yield bytes(view[:cut]), not read
        if not read:
            return
        buffer[: filled - cut] = view[cut:filled]
        kept = filled - cut
        view.release()
        if kept == len(buffer):
            buffer.extend(bytes(len(buffer)))


class _Batches:
    """Columns of chunks put together until there are enough of them to make an insert worth its cost."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sink: Sink, source: str) -> None:
        self._connection = connection
        self._sink = sink
        self._source = source
        self._columns: dict[str, list[Column]] = {}
        self._rows = 0
        self._uncommitted = 0

    def __enter__(self) -> Self:
        # A second thread would wait for the first one's Python objects, and burn a processor meanwhile.
        self._connection.execute("SET threads = 1")
        self._connection.execute("SET pandas_analyze_sample = 0")  # columns of None would be taken for numbers
        self._connection.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._insert()
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self._connection.execute("RESET threads")

    def add(self, columns: dict[str, Column]) -> None:
        """Take columns of one length."""
        if columns:
            for name, column in columns.items():
                self._columns.setdefault(name, []).append(column)
            self._rows += len(columns["line"])
            if self._rows >= BATCH_ROWS:
                self._uncommitted += self._rows
                self._insert()
            if self._uncommitted >= COMMIT_ROWS:
                self._connection.execute("COMMIT; BEGIN")
                self._uncommitted = 0

    def _insert(self) -> None:
        columns, self._columns, self._rows = self._columns, {}, 0
        if not columns:
            return
        ids = dict.fromkeys(("trace_id", "span_id", "parent_span_id"), self._sink.keys)
        texts = dict.fromkeys(("name", "status_message", "model", "tool", "error_type", "agent"), self._sink.clean)
        cleaned = {**ids, **texts}
        distinct = cast(set[str | None], set().union(*chain.from_iterable(columns[name] for name in cleaned)))
        if not self._sink.may_hold_secrets(distinct):
            cleaned = {}
        arrays = {name: _joined(parts, cleaned.get(name)) for name, parts in columns.items()}
        if not all(_are_usual(arrays[name]) for name in _TIMES):
            arrays.update({name: self._times_in(arrays, name) for name in _TIMES})
        self._connection.register("new_spans", arrays)
        try:
            self._connection.execute(
                f"INSERT INTO spans ({', '.join(_SELECTED)}) SELECT {', '.join(_SELECTED.values())} FROM new_spans",
                [self._source],
            )
        finally:
            self._connection.unregister("new_spans")

    def _times_in(self, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
        """A column of times as `values.time` reads them; those that it cannot read are rejected."""
        times = list(map(time_of, arrays[name]))
        for place, moment in enumerate(times):
            if isinstance(moment, UnreadTime):
                line, offset = int(arrays["line"][place]), int(arrays["byte_offset"][place])
                field = f"spans.{_TIMES[name]}"
                self._sink.put_reject(RejectRow(self._source, line, offset, NOT_A_TIME, str(moment), field))
        return np.array([moment or None for moment in times], dtype=object)


def _joined(parts: Sequence[Column], clean: Callable[[list[Any]], Sequence[Any]] | None) -> NDArray[Any]:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(cast(list[NDArray[Any]], parts))
    texts = cast(Iterable[str | None], chain.from_iterable(parts))
    if clean is not None:
        texts = clean(list(texts))
    return np.fromiter(texts, dtype=object)


def _known(column: str) -> str:
    """SQL for a column of whole numbers with its stand-in for missing taken off."""
    return f"nullif({column}, {NO_INTEGER})"


_SAME = ("trace_id", "span_id", "name", "kind", "status", "model", "tool", "error_type", "agent")
# SQL over decoded columns for each column of `spans` that the index fills; the source is a parameter.
_SELECTED = {
    **{name: name for name in (*_SAME, "line", "byte_offset", "byte_length")},
    **{name: _known(name) for name in ("tokens_in", "tokens_out", "call_hash")},
    "step": _known("step"),
    "parent_span_id": "coalesce(parent_span_id, '')",
    **{column: f"TRY_CAST({name} AS TIMESTAMP)" for name, column in _TIMES.items()},
    "status_message": "nullif(status_message, '')",
    "cost_usd": "CASE WHEN isnan(cost_usd) THEN NULL ELSE cost_usd END",
    "source": "?",
}


def _are_usual(times: NDArray[Any]) -> bool:
    """Whether all times are missing or of the one form that DuckDB casts as `values.time` reads it.

    Other zones, which DuckDB drops, are not.
    """
    if not _TEXT_OR_NONE.issuperset(map(type, times)):
        return False
    texts = list(filter(None, times))
    joined = "\n".join([*texts, ""])
    usual = _USUAL_TIMES.fullmatch(joined.encode("utf-8", "replace")) is not None
    return not texts or (usual and joined.count("\n") == len(texts))
