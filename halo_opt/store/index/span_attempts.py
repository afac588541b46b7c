"""Attempts of the index, made from all spans of a trace together and from its root line.

Only traces that a build has touched are made anew, so an append costs what it adds.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from halo_opt.store.index.shared_ids import tell_apart
from halo_opt.store.index.span_columns import NO_INTEGER
from halo_opt.store.index.span_index import FORMAT
from halo_opt.store.index.span_places import SpanLines
from halo_opt.store.outcomes import VERDICT
from halo_opt.store.readers.counting import counted_once, stated
from halo_opt.store.readers.span_lines import Span, best_copy, contradicts
from halo_opt.store.readers.span_steps import first_user_message
from halo_opt.store.readers.span_trace import (
    attempt_of,
    goal_of,
    repeated_id,
    run_of,
    scores_of,
    topmost_agent,
    with_agent,
    with_totals,
)
from halo_opt.store.rows import SpanRow
from halo_opt.store.sink import BY_ID, Sink
from halo_opt.store.values import FITS

# A copy of few spans is small and saves a search for them in each query; that of most would fill the memory.
_FEW = 0.1
_NEEDED = (
    "trace_id, span_id, parent_span_id, kind, started_at, ended_at, source, line, byte_offset, byte_length, model,"
    " tokens_in, tokens_out, cost_usd, step, error_type"
)


def finish_attempts(connection: duckdb.DuckDBPyConnection, sink: Sink, run_names: Callable[[str], str]) -> None:
    """Make (anew) the attempt of every trace in the table `touched` and mark its contents as not there yet.

    `run_names` gives the run of a file whose spans name none.
    """
    tell_apart(connection, sink, run_names)
    run_names = cache(run_names)  # it looks at the file system, and traces are many
    kind = _gather(connection)
    _drop_repeated(connection, sink, copied=kind == "TABLE")
    _count_once(connection, copied=kind == "TABLE")
    connection.execute(
        "DELETE FROM rejects WHERE field IS NOT NULL AND byte_offset IS NULL AND (source, line) IN"
        " (SELECT (source, line) FROM attempts WHERE trace_id IN (SELECT trace_id FROM touched))"
    )
    for table in ("attempts", "scores", "messages", "steps", "tool_calls", "artifacts"):
        connection.execute(f"DELETE FROM {table} WHERE trace_id IN (SELECT trace_id FROM touched)")
    connection.execute("INSERT OR IGNORE INTO pending SELECT trace_id FROM touched")
    rows = connection.execute(
        f"SELECT * FROM ({_TOGETHER}) JOIN ({_ROOTS}) r USING (trace_id) ORDER BY r.source, first_line"
    )
    names = [column[0] for column in rows.description or []]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    agents = _topmost_agents(connection)
    with SpanLines() as lines:
        replies = _Replies(connection, lines)
        for row in found:
            root = lines.read(row["source"], row["line"], row["byte_offset"], row["byte_length"])
            if root is not None:
                if row["kind"] != "AGENT" and row["trace_id"] in agents:
                    root = with_agent(root, row["kind"], lines.read(*agents[row["trace_id"]]))
                goal = goal_of(root) or replies.first_words(row["trace_id"])
                _put(sink, root, goal, row, run_names(row["source"]))
    sink.flush()
    connection.execute(
        "INSERT INTO scores SELECT trace_id, 'reward', score, CASE WHEN outcome_from = ? THEN outcome END, 'trace'"
        " FROM attempts WHERE score IS NOT NULL AND trace_id IN (SELECT trace_id FROM touched)",
        [VERDICT],
    )


def _gather(connection: duckdb.DuckDBPyConnection) -> str:
    """Make `touched_spans`: all spans of the traces in `touched`, with their rowid as `place`. Returns what it is."""
    [(touched, known)] = connection.execute(
        "SELECT (SELECT count(*) FROM touched), (SELECT count(*) FROM attempts)"
    ).fetchall()
    kind = "TABLE" if touched < _FEW * known else "VIEW"
    connection.execute(
        f"CREATE TEMP {kind} touched_spans AS SELECT rowid AS place, {_NEEDED} FROM spans"
        " WHERE byte_offset IS NOT NULL AND trace_id IN (SELECT trace_id FROM touched)"
    )
    return kind


def _drop_repeated(connection: duckdb.DuckDBPyConnection, sink: Sink, *, copied: bool) -> None:
    """Keep the best copy of every span (see `best_copy`) and reject the copies that contradict it."""
    [(repeated,)] = connection.execute(
        "SELECT count(*) - count(DISTINCT hash(trace_id, span_id)) FROM touched_spans"
    ).fetchall()
    if not repeated:
        return
    found = connection.execute(
        "SELECT place, trace_id, span_id, source, line, byte_offset, byte_length FROM touched_spans"
        " QUALIFY count(*) OVER (PARTITION BY trace_id, span_id) > 1 ORDER BY trace_id, span_id, place"
    ).fetchall()
    before = connection.execute(_FILES).fetchall()
    dropped: list[int] = []
    with SpanLines() as lines:
        for _, copies in groupby(found, key=itemgetter(1, 2)):
            dropped += _worse(list(copies), lines, sink)
    connection.register("repeated", {"id": np.array(dropped, dtype=np.int64)})
    connection.execute("DELETE FROM spans WHERE rowid IN (SELECT id FROM repeated)")
    if copied:
        connection.execute("DELETE FROM touched_spans WHERE place IN (SELECT id FROM repeated)")
    connection.unregister("repeated")
    left = {row[:2] for row in connection.execute(_FILES).fetchall()}
    for trace_id, source, line in before:
        if (trace_id, source) not in left:
            sink.found_again(trace_id, source, line, BY_ID)


_FILES = "SELECT trace_id, source, min(line) FROM touched_spans WHERE byte_offset IS NOT NULL GROUP BY ALL ORDER BY ALL"


def _worse(copies: list[tuple[Any, ...]], lines: SpanLines, sink: Sink) -> list[int]:
    """The rowids of all copies of a span but the best; those that contradict it are rejected."""
    raws = {lines.raw(source, offset, length) for *_, source, _, offset, length in copies}
    if len(raws) == 1:
        return [copy[0] for copy in copies[1:]]
    spans = {place: lines.read(*where) for place, _, _, *where in copies}
    known = {place: span for place, span in spans.items() if span is not None}
    if not known:  # the files are gone
        return [copy[0] for copy in copies[1:]]
    best = best_copy(list(known.values()))
    for span in known.values():
        if contradicts(span, best):
            sink.put_reject(repeated_id(span))
    return [place for place, span in spans.items() if span is not best]


def _count_once(connection: duckdb.DuckDBPyConnection, *, copied: bool) -> None:
    """Take from spans what other spans of their trace count (see `counted_once`).

    Only traces in which a call, an error or a span with usage has spans in it are looked at, or that were before.
    """
    columns = ", ".join(SpanRow._fields)
    found = connection.execute(
        f"SELECT rowid, {columns} FROM spans WHERE byte_offset IS NOT NULL AND trace_id IN ("
        "  SELECT trace_id FROM touched_spans WHERE hash(trace_id, parent_span_id) IN ("
        "    SELECT hash(trace_id, span_id) FROM touched_spans WHERE kind IN ('LLM', 'TOOL') OR error_type IS NOT NULL"
        "      OR tokens_in IS NOT NULL OR tokens_out IS NOT NULL OR cost_usd IS NOT NULL)"
        "  UNION SELECT trace_id FROM spans WHERE uncounted IS NOT NULL AND trace_id IN (SELECT trace_id FROM touched))"
        " ORDER BY trace_id, rowid"
    ).fetchall()
    changed: list[tuple[int, SpanRow]] = []
    for _, group in groupby(found, key=itemgetter(1)):
        places, rows = zip(*((row[0], _span_row(row[1:])) for row in group), strict=True)
        counted = counted_once([stated(row) for row in rows])
        changed += [(place, new) for place, old, new in zip(places, rows, counted, strict=True) if new != old]
    if not changed:
        return
    connection.register("changed", _columns_of(changed))
    values = ", ".join(f"{name} = {sql}" for name, sql in _CHANGED.items())
    for table, place in (("spans", "rowid"), ("touched_spans", "place"))[: 1 + copied]:
        sets = values if table == "spans" else ", ".join(f"{n} = {_CHANGED[n]}" for n in _CHANGED if n in _NEEDED)
        connection.execute(f"UPDATE {table} SET {sets} FROM changed c WHERE {table}.{place} = c.place")
    connection.unregister("changed")


_NUMBERS = {"tokens_in": NO_INTEGER, "tokens_out": NO_INTEGER, "call_hash": NO_INTEGER, "cost_usd": np.nan}
# SQL for the columns that `counted_once` may change; numbers have stand-ins for NULL.
_CHANGED = {
    "kind": "c.kind",
    "tokens_in": f"nullif(c.tokens_in, {NO_INTEGER})",
    "tokens_out": f"nullif(c.tokens_out, {NO_INTEGER})",
    "cost_usd": "CASE WHEN isnan(c.cost_usd) THEN NULL ELSE c.cost_usd END",
    "tool": "c.tool",
    "call_hash": f"nullif(c.call_hash, {NO_INTEGER})",
    "error_type": "c.error_type",
    "uncounted": "c.uncounted",
}


def _span_row(cells: Sequence[Any]) -> SpanRow:
    row = SpanRow._make(cells)
    return row._replace(uncounted=json.loads(row.uncounted)) if isinstance(row.uncounted, str) else row


def _columns_of(changed: Sequence[tuple[int, SpanRow]]) -> dict[str, NDArray[Any]]:
    """The changed columns of some spans with their rowids."""
    found: dict[str, NDArray[Any]] = {"place": np.array([place for place, _ in changed], dtype=np.int64)}
    for name in _CHANGED:
        cells = [getattr(row, name) for _, row in changed]
        if name == "uncounted":
            cells = [None if cell is None else json.dumps(cell) for cell in cells]
        if name in _NUMBERS:
            found[name] = np.array([_NUMBERS[name] if cell is None else cell for cell in cells])
        else:
            found[name] = np.array(cells, dtype=object)
    return found


# What follows from the spans of a trace together. A root is a span without parent, else one whose parent is not there,
# else (parents in a circle) any. Order is by start, ties and missing starts by place in the file.
_TOGETHER = """
SELECT trace_id, min(line) AS first_line,
  min(started_at) AS started_at, max(ended_at) AS ended_at,
  sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(cost_usd) AS cost_usd,
  coalesce(arg_min(model, started_at), any_value(model)) AS model,
  count(step)::INTEGER AS marked,
  (count(*) FILTER (kind = 'LLM'))::INTEGER AS replies,
  coalesce(min((coalesce(started_at, TIMESTAMP 'infinity'), source, line)) FILTER (kind = 'TOOL')
         < min((coalesce(started_at, TIMESTAMP 'infinity'), source, line)) FILTER (kind = 'LLM'),
    bool_or(kind = 'TOOL')) AS tool_first
FROM touched_spans GROUP BY trace_id
"""
_ROOTS = """
WITH tops AS (
  SELECT trace_id, kind, source, line, byte_offset, byte_length,
    row_number() OVER (PARTITION BY trace_id ORDER BY kind <> 'AGENT', started_at NULLS LAST, source, line) AS place
  FROM touched_spans WHERE parent_span_id = ''),
headless AS (
  SELECT s.trace_id, s.kind, s.source, s.line, s.byte_offset, s.byte_length,
    row_number() OVER (PARTITION BY s.trace_id ORDER BY EXISTS (
      SELECT 1 FROM touched_spans p WHERE p.trace_id = s.trace_id AND p.span_id = s.parent_span_id),
      s.kind <> 'AGENT', s.started_at NULLS LAST, s.source, s.line) AS place
  FROM touched_spans s WHERE s.trace_id IN (SELECT trace_id FROM touched EXCEPT SELECT trace_id FROM tops))
SELECT * EXCLUDE (place) FROM tops WHERE place = 1 UNION ALL SELECT * EXCLUDE (place) FROM headless WHERE place = 1
"""


def _topmost_agents(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Any, ...]]:
    """Where the topmost agent of each trace is (source, line, offset and length) whose agents all have a parent."""
    columns = ", ".join(SpanRow._fields)
    found = connection.execute(
        f"SELECT {columns} FROM spans WHERE byte_offset IS NOT NULL AND trace_id IN (SELECT trace_id"
        " FROM touched_spans WHERE kind = 'AGENT' GROUP BY trace_id HAVING bool_and(parent_span_id <> ''))"
        " ORDER BY trace_id"
    ).fetchall()
    agents: dict[str, tuple[Any, ...]] = {}
    for trace_id, group in groupby(found, key=itemgetter(0)):
        rows = [SpanRow._make(cells) for cells in group]
        agent = topmost_agent(rows, {row.span_id: row.kind for row in rows})
        if agent is not None:
            agents[trace_id] = (agent.source, agent.line, agent.byte_offset, agent.byte_length)
    return agents


def _put(sink: Sink, root: Span, goal: str | None, row: dict[str, Any], run_name: str) -> None:
    attempt = attempt_of(root, run_name, goal)
    attempt = attempt._replace(
        trace_id=row["trace_id"],
        source_id=sink.key(root.trace_id),
        model=attempt.model or row["model"],
        steps=row["marked"] or row["replies"] + bool(row["tool_first"]),
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_usd=row["cost_usd"],
        started_at=None if row["started_at"] is None else str(row["started_at"]),
        ended_at=None if row["ended_at"] is None else str(row["ended_at"]),
    )
    attempt = with_totals(attempt, root)
    judged = sink.attempt(attempt)
    storable = not isinstance(attempt.score, int | float) or FITS["DOUBLE"](attempt.score)
    if attempt.score is not None and storable and judged is not None and judged.score is None:
        # What is a score of the attempt is copied together; one on another scale is a row of `scores` only.
        for score in scores_of(attempt):
            sink.score(score)
    sink.run(run_of(attempt, FORMAT))


class _Replies:
    """What the user says first to the model: the goal of a trace whose root names none."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, lines: SpanLines) -> None:
        self._connection = connection
        self._lines = lines
        self._first: dict[str, tuple[Any, ...]] | None = None

    def first_words(self, trace_id: str) -> str | None:
        """The words, None when no reply of the trace has any."""
        if self._first is None:
            # All at once: a query for each trace would look through all spans each time.
            self._first = {row[0]: row[1:] for row in self._ask(f"TRUE QUALIFY {_NUMBER} = 1", [])}
        if trace_id not in self._first:
            return None
        *place, replies = self._first[trace_id]
        words = self._words(place)
        if words is None and replies > 1:
            rest = self._ask(f"trace_id = ? QUALIFY {_NUMBER} > 1 ORDER BY {_NUMBER}", [trace_id])
            words = next((text for row in rest if (text := self._words(row[1:-1])) is not None), None)
        return words

    def _ask(self, condition: str, values: list[str]) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT trace_id, source, line, byte_offset, byte_length, count(*) OVER (PARTITION BY trace_id)"
            f" FROM touched_spans WHERE kind = 'LLM' AND {condition}",
            values,
        ).fetchall()

    def _words(self, place: Sequence[Any]) -> str | None:
        span = self._lines.read(*place)
        return None if span is None else first_user_message(span)


_NUMBER = "row_number() OVER (PARTITION BY trace_id ORDER BY started_at NULLS LAST, source, line)"
