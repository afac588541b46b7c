"""The attempts of a store one after the other, with the rows that an export needs of each. Memory holds a few at a
time.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from halo_opt.core.errors import InputError
from halo_opt.store import schema
from halo_opt.store.rows import AttemptRow, MessageRow, Row, ScoreRow, SpanRow, StepRow, ToolCallRow, Trace
from halo_opt.store.store import Store

R = TypeVar("R", bound=Row)
# Attempts held at a time.
_BATCH = 16
_ORDER = {"messages": "position", "steps": "step", "tool_calls": "position"}
_OF_THESE = "WHERE trace_id IN (SELECT unnest(?::VARCHAR[]))"


def wanted_ids(store: Store, trace_ids: Sequence[str]) -> list[str]:
    """These trace ids, or all of the store in the order of import. Raises InputError for one that is not there."""
    if not trace_ids:
        return [row[0] for row in store.rows("SELECT trace_id FROM attempts ORDER BY rowid")]
    known = {row[0] for row in store.rows(f"SELECT trace_id FROM attempts {_OF_THESE}", [list(trace_ids)])}
    for trace_id in trace_ids:
        if trace_id not in known:
            raise InputError(f"{trace_id} is not in {store.path}; list ids with 'halo-opt traces'")
    return list(dict.fromkeys(trace_ids))


def attempts_of(store: Store, trace_ids: Sequence[str]) -> Iterator[Trace]:
    """Attempts with their rows. Where all spans lie as lines in trace files, only the places of those are read."""
    for start in range(0, len(trace_ids), _BATCH):
        ids = list(trace_ids[start : start + _BATCH])
        without_lines = [
            row[0]
            for row in store.rows(
                f"SELECT trace_id FROM attempts {_OF_THESE} AND trace_id NOT IN (SELECT trace_id FROM spans {_OF_THESE}"
                " GROUP BY trace_id HAVING bool_and(byte_offset IS NOT NULL))",
                [ids, ids],
            )
        ]
        attempts = _rows(store, "attempts", AttemptRow, ids)
        scores = _rows(store, "scores", ScoreRow, ids)
        spans = {**_places(store, ids), **_rows(store, "spans", SpanRow, without_lines)}
        messages = _rows(store, "messages", MessageRow, without_lines)
        steps = _rows(store, "steps", StepRow, without_lines)
        calls = _rows(store, "tool_calls", ToolCallRow, without_lines)
        for trace_id in ids:
            [attempt] = attempts[trace_id]
            yield Trace(
                attempt,
                spans.get(trace_id, []),
                messages.get(trace_id, []),
                steps.get(trace_id, []),
                calls.get(trace_id, []),
                scores.get(trace_id, []),
            )


def _rows(store: Store, table: str, kind: type[R], trace_ids: list[str]) -> dict[str, list[R]]:
    """The rows of a table for these attempts, in their order."""
    found: dict[str, list[R]] = {}
    if not trace_ids:
        return found
    names = [column.name for column in schema.BY_NAME[table].columns]
    for row in store.rows(
        f"SELECT {', '.join(names)} FROM {table} {_OF_THESE} ORDER BY {_ORDER.get(table, 'rowid')}, rowid", [trace_ids]
    ):
        cells = {name: _plain(name, value) for name, value in zip(names, row, strict=True)}
        found.setdefault(cells["trace_id"], []).append(kind(**cells))
    return found


def _places(store: Store, trace_ids: list[str]) -> dict[str, list[SpanRow]]:
    """Spans that lie as lines in files, with their ids and places alone, in the order of those."""
    found: dict[str, list[SpanRow]] = {}
    for trace_id, span_id, source, line, offset in store.rows(
        f"SELECT trace_id, span_id, source, line, byte_offset FROM spans {_OF_THESE} AND byte_offset IS NOT NULL"
        " ORDER BY source, byte_offset",
        [trace_ids],
    ):
        row = SpanRow(trace_id, span_id, "", "", "", None, None, "unset", None, {}, {}, source, line, offset)
        found.setdefault(trace_id, []).append(row)
    return found


def _plain(name: str, value: Any) -> Any:
    """A value as readers make it: times as text, JSON as objects."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return json.loads(value) if name in ("attributes", "resource") and value is not None else value
