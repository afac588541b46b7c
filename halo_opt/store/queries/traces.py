"""The list of attempts: filtered, sorted and paged."""

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store.queries.answers import Answer, Section, cells_of
from halo_opt.store.queries.filters import ERROR_SPAN, TraceFilter
from halo_opt.store.store import Store

# What is listed, and the SQL of each column; sorting goes by these names.
_COLUMNS = {
    "trace_id": "a.trace_id",
    "task_id": "a.task_id",
    "seed": "a.seed",
    "attempt": "a.attempt",
    "outcome": "a.outcome",
    "score": "a.score",
    "steps": "a.steps",
    "calls": "coalesce(s.calls, 0)",
    "errors": "coalesce(s.errors, 0)",
    "tokens_in": "a.tokens_in",
    "tokens_out": "a.tokens_out",
    "cost_usd": "a.cost_usd",
    "seconds": "date_diff('millisecond', a.started_at, a.ended_at) / 1000",
    "started_at": "a.started_at",
    "model": "a.model",
    "run_id": "a.run_id",
}
SORTS = tuple(_COLUMNS)
_PER_TRACE = (
    f"SELECT trace_id, count(*) FILTER (kind = 'TOOL') AS calls, count(*) FILTER ({ERROR_SPAN}) AS errors"
    " FROM spans GROUP BY trace_id"
)


class TraceRow(Record):
    """One attempt in a list; `calls` are its tool calls, `errors` its spans with an error."""

    trace_id: str
    task_id: str | None
    seed: int | None
    attempt: int | None
    outcome: str | None
    score: float | None
    steps: int | None
    calls: int
    errors: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    seconds: float | None
    started_at: str | None
    model: str | None
    run_id: str | None


class TraceList(Answer):
    """One page of attempts; `total` is how many pass the filter, `offset` how many come before this page."""

    rows: list[TraceRow]
    total: int
    offset: int

    def sections(self) -> list[Section]:
        """The page."""
        return [Section("", SORTS, cells_of(self.rows, SORTS))]

    def remarks(self) -> list[str]:
        """Which part of all attempts this is."""
        first = self.offset + 1 if self.rows else self.offset
        return [f"{first} to {self.offset + len(self.rows)} of {self.total} attempts"]

    def narrower(self) -> str:
        """What to ask instead."""
        return "ask with a lower --limit, or page on with --offset"


def traces(
    store: Store,
    chosen: TraceFilter | None = None,
    *,
    sort: str = "started_at",
    descending: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> TraceList:
    """Attempts that pass the filter; missing values sort last. Raises InputError for an unknown column to sort by."""
    if sort not in _COLUMNS:
        raise InputError(f"there is no column {sort!r} to sort by; choose one of {', '.join(SORTS)}")
    where, params = (chosen or TraceFilter()).where()
    [(total,)] = store.rows(f"SELECT count(*) FROM attempts a WHERE {where}", params)
    shown = _COLUMNS | {"started_at": "CAST(a.started_at AS VARCHAR)"}
    listed = ", ".join(f"{sql} AS {name}" for name, sql in shown.items())
    order = f"{_COLUMNS[sort]} {'DESC' if descending else 'ASC'} NULLS LAST, a.trace_id"
    rows = store.rows(
        f"SELECT {listed} FROM attempts a LEFT JOIN ({_PER_TRACE}) s USING (trace_id) WHERE {where} ORDER BY {order}"
        " LIMIT ? OFFSET ?",
        [*params, limit, offset],
    )
    found = [TraceRow(**dict(zip(SORTS, row, strict=True))) for row in rows]
    return TraceList(rows=found, total=total, offset=offset)
