"""The index over flat span files: a row per span with its facts and its place, and an attempt per trace.

Texts are not copied: they stay in the trace files until somebody asks for contents (see `contents`). Reads only what a
file has grown by, never holds more than a few chunks of it, and never changes it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from halo_opt.store import span_decode
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.span_steps import said_by_user
from halo_opt.store.readers.span_trace import attempt_of, goal_of, run_of, with_totals
from halo_opt.store.sink import Sink
from halo_opt.store.span_columns import NO_INTEGER, Column
from halo_opt.store.span_places import SpanLines
from halo_opt.store.values import time as time_of

FORMAT = "spans"
# Small enough to stay in the processor's cache from reading to decoding: larger chunks cost half as much again.
CHUNK = 1 << 20
# Large enough to make the cost of an insert small beside that of decoding; some 20 MB.
BATCH_ROWS = 40_000
_TIMES = ("start_time", "end_time")


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
                self._insert()

    def _insert(self) -> None:
        columns, self._columns, self._rows = self._columns, {}, 0
        if not columns:
            return
        arrays = {name: _joined(parts, self._sink if name in _CLEANED else None) for name, parts in columns.items()}
        self._connection.register("new_spans", arrays)
        try:
            strange = " OR ".join(f"NOT {_in_utc(name)}" for name in _TIMES)
            if self._connection.execute(f"SELECT 1 FROM new_spans WHERE {strange} LIMIT 1").fetchall():
                arrays.update({name: np.array(list(map(_time, arrays[name])), dtype=object) for name in _TIMES})
                self._connection.register("new_spans", arrays)
                self._sink.counts["wrong_types"] += _unread(self._connection)
            self._connection.execute(
                f"INSERT INTO spans ({', '.join(_SELECTED)}) SELECT {', '.join(_SELECTED.values())} FROM new_spans",
                [self._source],
            )
        finally:
            self._connection.unregister("new_spans")


_CLEANED = ("name", "status_message")


def _joined(parts: Sequence[Column], sink: Sink | None) -> NDArray[Any]:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    texts: Iterable[str | None] = chain.from_iterable(parts)
    if sink is not None:
        texts = sink.clean(list(texts))
    return np.fromiter(texts, dtype=object)


def _known(column: str) -> str:
    """SQL for a column of whole numbers with its stand-in for missing taken off."""
    return f"nullif({column}, {NO_INTEGER})"


_SAME = ("trace_id", "span_id", "name", "kind", "status", "model", "tool", "error_type")
# SQL over decoded columns for each column of `spans` that the index fills; the source is a parameter.
_SELECTED = {
    **{name: name for name in (*_SAME, "line", "byte_offset", "byte_length")},
    **{name: _known(name) for name in ("tokens_in", "tokens_out", "step", "call_hash")},
    "parent_span_id": "coalesce(parent_span_id, '')",
    "started_at": f"TRY_CAST({_TIMES[0]} AS TIMESTAMP)",
    "ended_at": f"TRY_CAST({_TIMES[1]} AS TIMESTAMP)",
    "status_message": "nullif(status_message, '')",
    "cost_usd": "CASE WHEN isnan(cost_usd) THEN NULL ELSE cost_usd END",
    "source": "?",
}


def _unread(connection: duckdb.DuckDBPyConnection) -> int:
    """How many times are there that are no times."""
    counts = (f"count({name}) - count(TRY_CAST({name} AS TIMESTAMP))" for name in _TIMES)
    [(unread,)] = connection.execute(f"SELECT {' + '.join(counts)} FROM new_spans").fetchall()
    return int(unread)


def _in_utc(name: str) -> str:
    """SQL: whether a time is missing or of the one form that DuckDB casts as we mean it (it drops other zones)."""
    return f"({name} IS NULL OR (suffix({name}, 'Z') AND length({name}) BETWEEN 20 AND 30))"


def _time(value: Any) -> str | None:
    # What cannot be read stays as it is, to be counted.
    return None if value is None else time_of(value) or str(value)


_INDEXED = "byte_offset IS NOT NULL AND trace_id IN (SELECT trace_id FROM touched)"


def drop_repeated(connection: duckdb.DuckDBPyConnection, sink: Sink) -> None:
    """Of spans with one id in one trace keep the first, reject the others: a file may have been copied or resent."""
    [(repeated,)] = connection.execute(
        f"SELECT count(*) - count(DISTINCT hash(trace_id, span_id)) FROM spans WHERE {_INDEXED}"
    ).fetchall()
    if not repeated:
        return
    found = connection.execute(
        f"SELECT rowid, trace_id, span_id, source, line, byte_offset FROM spans WHERE {_INDEXED}"
        " QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY rowid) > 1 ORDER BY rowid"
    ).fetchall()
    for _, trace_id, span_id, source, line, offset in found:
        sink.reject(source, line, "span id used twice", f"{trace_id} {span_id}", byte_offset=offset)
    connection.register("repeated", {"id": np.array([row[0] for row in found], dtype=np.int64)})
    connection.execute("DELETE FROM spans WHERE rowid IN (SELECT id FROM repeated)")
    connection.unregister("repeated")


# What follows from the spans of a trace together. A root is a span without parent, else one whose parent is not there,
# else (parents in a circle) any. Order is by start, ties and missing starts by place in the file.
_TOGETHER = """
SELECT trace_id, min(line) AS first_line,
  min(started_at) AS started_at, max(ended_at) AS ended_at,
  sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_out)::BIGINT AS tokens_out, sum(cost_usd) AS cost_usd,
  coalesce(arg_min(model, started_at), any_value(model)) AS model,
  count(step)::INTEGER AS marked,
  (count(*) FILTER (kind = 'LLM'))::INTEGER AS replies,
  coalesce(min((coalesce(started_at, TIMESTAMP 'infinity'), source, line)) FILTER (kind = 'TOOL')
         < min((coalesce(started_at, TIMESTAMP 'infinity'), source, line)) FILTER (kind = 'LLM'),
    bool_or(kind = 'TOOL')) AS tool_first
FROM spans WHERE trace_id IN (SELECT trace_id FROM touched) GROUP BY trace_id
"""
_ROOTS = """
WITH tops AS (
  SELECT trace_id, source, line, byte_offset, byte_length,
    row_number() OVER (PARTITION BY trace_id ORDER BY kind <> 'AGENT', started_at NULLS LAST, source, line) AS place
  FROM spans WHERE parent_span_id = '' AND trace_id IN (SELECT trace_id FROM touched)),
headless AS (
  SELECT s.trace_id, s.source, s.line, s.byte_offset, s.byte_length,
    row_number() OVER (PARTITION BY s.trace_id ORDER BY EXISTS (
      SELECT 1 FROM spans p WHERE p.trace_id = s.trace_id AND p.span_id = s.parent_span_id),
      s.kind <> 'AGENT', s.started_at NULLS LAST, s.source, s.line) AS place
  FROM spans s WHERE s.trace_id IN (SELECT trace_id FROM touched EXCEPT SELECT trace_id FROM tops))
SELECT * EXCLUDE (place) FROM tops WHERE place = 1 UNION ALL SELECT * EXCLUDE (place) FROM headless WHERE place = 1
"""


def finish_attempts(connection: duckdb.DuckDBPyConnection, sink: Sink, run_names: Callable[[str], str]) -> None:
    """Make (anew) the attempt of every trace in the table `touched` and mark its contents as not there yet.

    `run_names` gives the run of a file whose spans name none.
    """
    for table in ("attempts", "scores", "messages", "steps", "tool_calls"):
        connection.execute(f"DELETE FROM {table} WHERE trace_id IN (SELECT trace_id FROM touched)")
    connection.execute("INSERT OR IGNORE INTO pending SELECT trace_id FROM touched")
    rows = connection.execute(
        f"SELECT * FROM ({_TOGETHER}) JOIN ({_ROOTS}) r USING (trace_id) ORDER BY r.source, first_line"
    )
    names = [column[0] for column in rows.description or []]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    with SpanLines() as lines:
        for row in found:
            root = lines.read(row["source"], row["line"], row["byte_offset"], row["byte_length"])
            if root is not None:
                goal = goal_of(root) or _first_words(connection, lines, row["trace_id"])
                _put(sink, root, goal, row, run_names(row["source"]))
    sink.flush()
    connection.execute(
        "INSERT INTO scores SELECT trace_id, 'reward', score, outcome, 'trace' FROM attempts"
        " WHERE score IS NOT NULL AND trace_id IN (SELECT trace_id FROM touched)"
    )


def _put(sink: Sink, root: Span, goal: str | None, row: dict[str, Any], run_name: str) -> None:
    attempt = attempt_of(root, run_name, goal)
    attempt = attempt._replace(
        model=attempt.model or row["model"],
        steps=row["marked"] or row["replies"] + bool(row["tool_first"]),
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_usd=row["cost_usd"],
        started_at=None if row["started_at"] is None else str(row["started_at"]),
        ended_at=None if row["ended_at"] is None else str(row["ended_at"]),
    )
    attempt = with_totals(attempt, root)
    sink.attempt(attempt)
    sink.run(run_of(attempt, FORMAT))


def _first_words(connection: duckdb.DuckDBPyConnection, lines: SpanLines, trace_id: str) -> str | None:
    """What the user says first to the model: the goal of a trace whose root names none."""
    replies = connection.execute(
        "SELECT source, line, byte_offset FROM spans WHERE trace_id = ? AND kind = 'LLM'"
        " ORDER BY started_at NULLS LAST, source, line",
        [trace_id],
    ).fetchall()
    spans = (lines.read(*reply) for reply in replies)
    return next((words for span in spans if span is not None and (words := said_by_user(span)) is not None), None)
