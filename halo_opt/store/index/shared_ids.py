"""Traces of different runs that have one id, in the index of flat span files: each gets an id of its own.

Spans of one folder and one trace id are one trace, over however many files; so are spans of one run id, and spans whose
parents are in another file. Any others are another run's, which gave the same id.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from halo_opt.store import schema, values
from halo_opt.store.attempt_ids import id_in_run
from halo_opt.store.index.span_places import SpanLines
from halo_opt.store.readers import conventions as names
from halo_opt.store.sink import Sink

RunName = Callable[[str], str]


class _Part(NamedTuple):
    """The spans of a trace in one file: their run where they name one, their ids, and parents that are not among them.

    `indexed` is False where the file is read whole: its attempt is there already.
    """

    source: str
    run_id: str | None
    span_ids: frozenset[str]
    parents: frozenset[str]
    indexed: bool


def tell_apart(connection: duckdb.DuckDBPyConnection, sink: Sink, run_names: RunName) -> None:
    """Give spans in `touched` whose trace id is that of another run's trace an id with a hash of their run."""
    _take_back(connection)
    rows = connection.execute(
        "SELECT trace_id, source, min(line), min(byte_offset), arg_min(byte_length, byte_offset), list(span_id),"
        " list(parent_span_id) FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE trace_id IN"
        " (SELECT trace_id FROM touched) GROUP BY trace_id HAVING min(source) <> max(source))"
        " GROUP BY trace_id, source ORDER BY trace_id, source"
    ).fetchall()
    if not rows:
        return
    traces: dict[str, list[_Part]] = defaultdict(list)
    with SpanLines() as lines:
        for trace_id, source, line, offset, length, span_ids, parents in rows:
            run = None if offset is None else _run_id(lines, source, line, offset, length)
            ids = frozenset(span_ids)
            traces[trace_id].append(_Part(source, run, ids, frozenset(parents) - ids, offset is not None))
    renamed: list[tuple[str, str, str]] = []
    for trace_id, parts in traces.items():
        renamed += _renamed(trace_id, parts, sink, run_names)
    _rename(connection, renamed)
    taken = [[trace_id] for trace_id, parts in traces.items() if not all(part.indexed for part in parts)]
    if taken:
        connection.executemany("DELETE FROM touched WHERE trace_id = ?", taken)


def _take_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Give traces in `touched` that have been told apart their common id again, as it is all decided anew."""
    found = connection.execute(
        "SELECT a.trace_id, a.source_id FROM attempts a WHERE a.source_id IN (SELECT trace_id FROM touched)"
        " AND a.trace_id <> a.source_id AND EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = a.trace_id"
        " AND s.byte_offset IS NOT NULL)"
    ).fetchall()
    for trace_id, source_id in found:
        connection.execute(schema.NO_INDEX)
        connection.execute("UPDATE spans SET trace_id = ? WHERE trace_id = ?", [source_id, trace_id])
        for table in schema.OF_ATTEMPTS:
            connection.execute(f"DELETE FROM {table} WHERE trace_id = ?", [trace_id])


def _run_id(lines: SpanLines, source: str, line: int, offset: int, length: int | None) -> str | None:
    span = lines.read(source, line, offset, length)
    return None if span is None else values.text(names.first(("halo.run_id",), span.attributes, span.resource))


def _renamed(trace_id: str, parts: Sequence[_Part], sink: Sink, run_names: RunName) -> list[tuple[str, str, str]]:
    """(id, file, new id) of the parts that are not of the first trace."""
    groups = _together(parts)
    found = []
    # Where a file that is read whole has the id, no indexed one does.
    for group in groups if not all(part.indexed for part in parts) else groups[1:]:
        if group[0].indexed:
            run_id = group[0].run_id or run_names(group[0].source)
            new_id = id_in_run(trace_id, sink.key(run_id))
            found += [(trace_id, part.source, new_id) for part in group]
    return found


def _together(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts of each trace, in the order of their files."""
    groups: list[list[_Part]] = []
    for part in parts:
        same = [group for group in groups if any(_one_trace(part, other) for other in group)]
        groups = [group for group in groups if group not in same]
        groups.append([*(other for group in same for other in group), part])
    return sorted(groups, key=lambda group: group[0].source)


def _one_trace(part: _Part, other: _Part) -> bool:
    if not (part.indexed and other.indexed):
        return False
    if part.run_id is not None and other.run_id is not None:
        return part.run_id == other.run_id
    if Path(part.source).parent == Path(other.source).parent:
        return True
    return bool(part.parents & other.span_ids or other.parents & part.span_ids)


def _rename(connection: duckdb.DuckDBPyConnection, renamed: Sequence[tuple[str, str, str]]) -> None:
    if not renamed:
        return
    connection.execute(schema.NO_INDEX)
    columns: Mapping[str, object] = {
        name: np.array(column, dtype=object)
        for name, column in zip(("old_id", "file", "new_id"), zip(*renamed, strict=True), strict=True)
    }
    connection.register("renamed", columns)
    connection.execute("UPDATE spans SET trace_id = new_id FROM renamed WHERE trace_id = old_id AND source = file")
    connection.execute("INSERT INTO touched SELECT DISTINCT new_id FROM renamed")
    connection.unregister("renamed")
