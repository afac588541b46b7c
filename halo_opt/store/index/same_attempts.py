"""Attempts that stand in the inputs twice: which of them are the same, and which of those counts.

Two attempts with one id of their source are the same when one holds all that the other holds. Attempts without an id
are compared by a hash of their content: within one run, equal ones are the same; of two runs, or files of one folder,
one is a copy when the other has all its attempts. A deterministic agent that was run twice differs in some attempt, so
its runs stay two.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from halo_opt.store import schema
from halo_opt.store.attempt_ids import CONTENT, id_in_run
from halo_opt.store.sink import BY_CONTENT, BY_ID


class _Found(NamedTuple):
    """An attempt and the id that it shares with others."""

    source_id: str
    trace_id: str
    run_id: str
    place: int
    source: str
    line: int


class _Same(NamedTuple):
    """An attempt that does not count, and the one that counts for it."""

    dropped: _Found
    kept: _Found
    reason: str


def count_once(connection: duckdb.DuckDBPyConnection, place_of: Callable[[str], int]) -> None:
    """Take out of all tables the attempts that stand in the inputs again, and list them in `duplicates`.

    Of equal attempts the first counts; of different ones with one id, the first has it unchanged. `place_of` gives a
    file's place in the order of the inputs.
    """
    rows = connection.execute(
        "SELECT source_id, trace_id, run_id, 0, source, coalesce(line, 0) FROM attempts WHERE source_id IN (SELECT"
        " source_id FROM attempts WHERE source_id IS NOT NULL GROUP BY source_id HAVING count(*) > 1)"
        " OR starts_with(trace_id, source_id || '~')"
        " ORDER BY source_id, source, line, trace_id"
    ).fetchall()
    shared: dict[str, list[_Found]] = defaultdict(list)
    for found in map(_Found._make, rows):
        shared[found.source_id].append(found._replace(place=place_of(found.source)))
    for same in shared.values():
        same.sort(key=_order)
    named = [same for source_id, same in shared.items() if not source_id.startswith(CONTENT)]
    hashed = [same for source_id, same in shared.items() if source_id.startswith(CONTENT)]
    again = [*_same_by_id(connection, named), *_same_by_content(connection, hashed)]
    _drop(connection, again)
    gone = {same.dropped.trace_id for same in again}
    for same in named:
        _name_first(connection, [found for found in same if found.trace_id not in gone])


def _same_by_id(connection: duckdb.DuckDBPyConnection, groups: Sequence[list[_Found]]) -> Iterator[_Same]:
    if not groups:
        return
    held = _Held(connection, [found.trace_id for group in groups for found in group])
    for group in groups:
        kept: list[_Found] = []
        # The fullest first: what it contains is dropped.
        for found in sorted(group, key=lambda one: -held.size(one.trace_id)):
            fuller = next((one for one in kept if held.contains(one.trace_id, found.trace_id)), None)
            if fuller is None:
                kept.append(found)
            else:
                yield _Same(found, fuller, BY_ID)


class _Held:
    """What some attempts hold: their messages and spans, as hashes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, trace_ids: Sequence[str]) -> None:
        connection.execute("CREATE OR REPLACE TEMP TABLE compared (trace_id VARCHAR)")
        connection.executemany("INSERT INTO compared VALUES (?)", [[trace_id] for trace_id in trace_ids])
        self._messages = _hashes(connection, "messages", "role, content")
        self._spans = _hashes(connection, "spans", "span_id, started_at")

    def size(self, trace_id: str) -> int:
        """How much an attempt holds."""
        return len(self._messages.get(trace_id, ())) + len(self._spans.get(trace_id, ()))

    def contains(self, fuller: str, other: str) -> bool:
        """Whether all that one attempt holds is in another one. Texts that are not read yet are not compared."""
        mine, theirs = self._messages.get(other), self._messages.get(fuller)
        if mine and theirs and not mine <= theirs:
            return False
        return self._spans.get(other, frozenset()) <= self._spans.get(fuller, frozenset())


def _hashes(connection: duckdb.DuckDBPyConnection, table: str, columns: str) -> dict[str, frozenset[int]]:
    rows = connection.execute(
        f"SELECT trace_id, list(DISTINCT hash({columns})) FROM {table}"
        " WHERE trace_id IN (SELECT trace_id FROM compared) GROUP BY trace_id"
    ).fetchall()
    return {trace_id: frozenset(hashes) for trace_id, hashes in rows}


def _same_by_content(connection: duckdb.DuckDBPyConnection, groups: Sequence[list[_Found]]) -> Iterator[_Same]:
    if not groups:
        return
    in_runs: _Units = defaultdict(dict)
    for found in (found for group in groups for found in group):
        first = in_runs[found.run_id].setdefault(found.source_id, found)
        if first is not found:
            yield _Same(found, first, BY_CONTENT)
    in_files: _Units = defaultdict(dict)
    for found in (found for unit in in_runs.values() for found in unit.values()):
        in_files[found.source][found.source_id] = found
    # A file is a copy where another one beside it has its attempts, a run where any other run has them.
    for same in _copies(in_files, _totals(connection, "source"), beside=True):
        in_runs[same.dropped.run_id].pop(same.dropped.source_id)
        yield same
    yield from _copies(in_runs, _totals(connection, "run_id"), beside=False)


# The attempts of each file or run, by their ids.
_Units = dict[str, dict[str, _Found]]


def _totals(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, int]:
    sql = f"SELECT {column}, count(DISTINCT source_id) FROM attempts GROUP BY 1"
    return dict(connection.execute(sql).fetchall())


def _copies(units: _Units, totals: Mapping[str, int], *, beside: bool) -> Iterator[_Same]:
    """The attempts of units of which another unit (with `beside`, one in the same folder) has all attempts."""
    whole = [unit for unit, found in units.items() if found and len(found) == totals[unit]]
    # The smallest first, and of equal ones the last: the copy goes, and what it was made from stays.
    whole.sort(key=lambda unit: _first(units[unit].values()), reverse=True)
    whole.sort(key=lambda unit: len(units[unit]))
    for unit in whole:
        wanted = units[unit].keys()
        holders = [
            other
            for other, found in units.items()
            if other != unit and wanted <= found.keys() and not (beside and Path(other).parent != Path(unit).parent)
        ]
        if holders:
            holder = units[min(holders, key=lambda other: _first(units[other].values()))]
            yield from (_Same(found, holder[source_id], BY_CONTENT) for source_id, found in units.pop(unit).items())


def _first(found: Iterable[_Found]) -> tuple[int, str, int]:
    return min(map(_order, found))


def _order(found: _Found) -> tuple[int, str, int]:
    return (found.place, found.source, found.line)


def _drop(connection: duckdb.DuckDBPyConnection, again: Sequence[_Same]) -> None:
    if not again:
        return
    connection.execute(schema.NO_INDEX)
    connection.execute("CREATE OR REPLACE TEMP TABLE dropped (trace_id VARCHAR)")
    connection.executemany("INSERT INTO dropped VALUES (?)", [[same.dropped.trace_id] for same in again])
    for table in schema.OF_ATTEMPTS:
        connection.execute(f"DELETE FROM {table} WHERE trace_id IN (SELECT trace_id FROM dropped)")
    counts = {same.dropped.trace_id: same.kept.trace_id for same in again}

    def that_counts(trace_id: str) -> str:
        while trace_id in counts:
            trace_id = counts[trace_id]
        return trace_id

    connection.executemany(
        "INSERT INTO duplicates VALUES (?, ?, ?, ?)",
        [[that_counts(s.kept.trace_id), s.dropped.source, s.dropped.line, s.reason] for s in again],
    )


def _name_first(connection: duckdb.DuckDBPyConnection, same: Sequence[_Found]) -> None:
    """Give the first of some attempts the id that they share."""
    if not same or same[0].trace_id == same[0].source_id:
        return
    first, wanted = same[0], same[0].source_id
    for found in same:
        if found.trace_id == wanted:
            _rename(connection, wanted, id_in_run(wanted, found.run_id))
    _rename(connection, first.trace_id, wanted)


def _rename(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    connection.execute(schema.NO_INDEX)
    for table in (*schema.OF_ATTEMPTS, "duplicates"):
        connection.execute(f"UPDATE {table} SET trace_id = ? WHERE trace_id = ?", [new, old])
