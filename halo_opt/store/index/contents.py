"""The contents of indexed attempts: messages, steps, tool calls and attributes, read back from the trace files."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from halo_opt.store import schema
from halo_opt.store.index.span_places import SpanLines
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.span_trace import trace_of
from halo_opt.store.rows import is_stored_as
from halo_opt.store.sink import Sink

# Places fetched at a time: a few MB.
_FETCH = 50_000
# Called with how many spans are done and how many there are.
Progress = Callable[[int, int], None]


def fill_contents(connection: duckdb.DuckDBPyConnection, sink: Sink, *, progress: Progress | None = None) -> None:
    """Add the contents of every attempt in `pending`, which is empty afterwards."""
    connection.execute(
        "CREATE TABLE places AS SELECT row_number() OVER (ORDER BY source, first, trace_id, line) AS place, * FROM ("
        "SELECT trace_id, source, line, byte_offset, min(byte_offset) OVER (PARTITION BY trace_id) AS first"
        " FROM spans WHERE trace_id IN (SELECT trace_id FROM pending))"
    )
    [(total,)] = connection.execute("SELECT count(*) FROM places").fetchall()
    # The spans are stored anew, and their values that fit no column are rejected anew.
    connection.execute(
        "DELETE FROM rejects WHERE field IS NOT NULL"
        " AND (source, byte_offset) IN (SELECT (source, byte_offset) FROM places)"
    )
    connection.execute(schema.NO_INDEX)
    connection.execute("DELETE FROM spans WHERE trace_id IN (SELECT trace_id FROM pending)")
    with SpanLines(count_duplicate_keys=True) as lines:
        done = 0
        for _, places in groupby(_places(connection, total), key=itemgetter(1)):
            wanted = list(places)
            spans = [span for place in wanted if (span := _span(lines, place, sink)) is not None]
            sink.counts["vanished"] += len(wanted) - len(spans)
            if spans:
                sink.contents(trace_of(spans, run_id=""))
            done += len(wanted)
            if progress is not None:
                progress(done, total)
        sink.counts["duplicate_keys"] += lines.duplicate_keys
    connection.execute("DROP TABLE places")
    connection.execute("DELETE FROM pending")


def _span(lines: SpanLines, place: tuple[Any, ...], sink: Sink) -> Span | None:
    _, trace_id, source, line, offset = place
    span = lines.read(source, line, offset)
    if span is None:
        return None
    key = sink.key(span.trace_id)
    if key == trace_id:
        return span
    # Another run's trace has that id, so this one is stored under another.
    return replace(span, trace_id=trace_id) if is_stored_as(key, trace_id) else None


def _places(connection: duckdb.DuckDBPyConnection, total: int) -> Iterator[tuple[Any, ...]]:
    """Places in reading order, trace by trace; fetched in parts: a query per trace would cost more than reading."""
    for first in range(1, total + 1, _FETCH):
        yield from connection.execute(
            "SELECT place, trace_id, source, line, byte_offset FROM places WHERE place BETWEEN ? AND ? ORDER BY place",
            [first, first + _FETCH - 1],
        ).fetchall()
