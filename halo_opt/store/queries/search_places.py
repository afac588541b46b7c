"""Which pieces of which files a search goes through, and which spans begin where in them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.scanning.tasks import Task
from halo_opt.store.store import Store

PIECE_BYTES = 2 << 20
# Lines this far apart are neighbours: a line end may be two bytes.
_LINE_END = 2
_PLACED = "byte_offset IS NOT NULL"


class Known(NamedTuple):
    """A span as the store has it."""

    trace_id: str
    span_id: str
    name: str
    kind: str
    task_id: str | None
    outcome: str | None


class Places:
    """Where the chosen spans are: piece by piece, file by file, in the order of files and lines."""

    def __init__(self, store: Store, tasks: list[Task], *, unplaced: bool) -> None:
        self._store = store
        self.tasks = tasks
        self.size = sum(task.end - task.start for task in tasks)
        self.unplaced = unplaced

    def spans_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Known]:
        """The spans that begin at these places (file, byte)."""
        if not places:
            return {}
        rows = self._store.rows(
            "SELECT source, byte_offset, s.trace_id, span_id, s.name, s.kind, a.task_id, a.outcome FROM spans s"
            " JOIN (SELECT unnest(?::VARCHAR[]) AS source, unnest(?::BIGINT[]) AS byte_offset)"
            " USING (source, byte_offset) JOIN attempts a ON a.trace_id = s.trace_id",
            [[source for source, _ in places], [offset for _, offset in places]],
        )
        return {row[:2]: Known(*row[2:]) for row in rows}


class _OfOne(Places):
    """The spans of one attempt, which are few: everything that is known of them is fetched at once."""

    def __init__(
        self, store: Store, rows: list[tuple[Any, ...]], attempt: tuple[Any, ...], options: "_TaskOptions"
    ) -> None:
        placed = sorted((row for row in rows if row[1] is not None), key=lambda row: row[:2])
        lines = ((source, start, start + length) for source, start, length, *_ in placed)
        super().__init__(store, options.tasks(_joined(lines)), unplaced=len(placed) < len(rows))
        self._known = {row[:2]: Known(*row[3:], *attempt) for row in placed}

    def spans_at(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Known]:
        return {place: self._known[place] for place in places if place in self._known}


class _TaskOptions(NamedTuple):
    """The options that every task gets besides its place."""

    excerpts: int
    context: int

    def tasks(self, pieces: Iterable[tuple[str, int, int]]) -> list[Task]:
        return [Task(source, start, end, self.excerpts, self.context) for source, start, end in pieces]


def places_of(store: Store, chosen: TraceFilter, *, excerpts: int, context: int) -> Places:
    """Where the spans of the chosen attempts are."""
    options = _TaskOptions(excerpts, context)
    condition, params = chosen.where()
    if chosen.trace is not None:
        attempts = store.rows(f"SELECT task_id, outcome FROM attempts a WHERE {condition}", params)
        columns = "source, byte_offset, byte_length, trace_id, span_id, name, kind"
        rows = [
            row
            for _ in attempts
            for row in store.rows(f"SELECT {columns} FROM spans WHERE trace_id = ?", [chosen.trace])
        ]
        # An attempt without spans may have texts in other tables.
        return _OfOne(store, rows, attempts[0], options) if rows else Places(store, [], unplaced=bool(attempts))
    semi = "" if chosen.is_empty else f"SEMI JOIN (SELECT trace_id FROM attempts a WHERE {condition}) USING (trace_id)"
    pieces = _pieces(store, semi, params)
    # Most stores are of span files alone, and tables that hold nothing take their time to say so.
    unplaced = bool(store.rows("SELECT 1 FROM spans WHERE byte_offset IS NULL LIMIT 1"))
    return Places(store, options.tasks(pieces), unplaced=unplaced)


def _pieces(store: Store, semi: str, params: Sequence[Any]) -> list[tuple[str, int, int]]:
    """(file, start, end) of lines that follow each other, cut at a size at which pieces can be shared out.

    Where the lines of a piece and a byte between each two make up all of it, nothing else is in it; only other pieces
    are looked at line by line.
    """
    rows = store.rows(
        f"SELECT source, min(byte_offset), max(byte_offset + byte_length), byte_offset // {PIECE_BYTES} AS piece,"
        f" count(*) - 1 + sum(byte_length)::BIGINT FROM spans s {semi} WHERE {_PLACED} GROUP BY source, piece",
        params,
    )
    found = [(source, start, end) for source, start, end, _, size in rows if size == end - start]
    apart = [(source, piece) for source, start, end, piece, size in rows if size != end - start]
    if apart:
        found += _line_by_line(store, semi, params, apart)
    return sorted(found)


def _line_by_line(
    store: Store, semi: str, params: Sequence[Any], pieces: Sequence[tuple[str, int]]
) -> list[tuple[str, int, int]]:
    """The pieces, found line by line, where other bytes lie between the lines."""
    import numpy as np

    names = sorted({source for source, _ in pieces})
    number = {name: place for place, name in enumerate(names)}
    found = store.arrays(
        f"SELECT p.number AS file, byte_offset AS start, byte_offset + byte_length AS stop FROM spans s {semi}"
        " JOIN (SELECT unnest(?::VARCHAR[]) AS source, unnest(?::BIGINT[]) AS number, unnest(?::BIGINT[]) AS piece) p"
        f" ON p.source = s.source AND p.piece = byte_offset // {PIECE_BYTES} WHERE {_PLACED}",
        [*params, [name for name, _ in pieces], [number[name] for name, _ in pieces], [piece for _, piece in pieces]],
    )
    file, start, stop = (np.asarray(found[name], dtype=np.int64) for name in ("file", "start", "stop"))
    order = np.lexsort((start, file))
    file, start, stop = file[order], start[order], stop[order]
    cut = (
        (file[1:] != file[:-1])
        | (start[1:] - stop[:-1] > _LINE_END)
        | (start[1:] // PIECE_BYTES != start[:-1] // PIECE_BYTES)
    )
    first = np.concatenate(([0], np.flatnonzero(cut) + 1))
    last = np.concatenate((first[1:] - 1, [len(file) - 1]))
    runs = zip(file[first].tolist(), start[first].tolist(), stop[last].tolist(), strict=True)
    return [(names[place], begin, end) for place, begin, end in runs]


def _joined(lines: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Lines in order as pieces: the lines of one attempt mostly follow each other."""
    pieces: list[tuple[str, int, int]] = []
    for source, start, end in lines:
        if pieces and pieces[-1][0] == source and start - pieces[-1][2] <= _LINE_END:
            pieces[-1] = (source, pieces[-1][1], end)
        else:
            pieces.append((source, start, end))
    return pieces
