"""A store whose every query runs guarded: for predicates that a model wrote, asked as mining asks a store."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from halo_opt.core.errors import InputError
from halo_opt.store.guarded.queries import Refused, Table, guarded_queries
from halo_opt.store.store import Store

# One row a task at most; an answer that was cut would be a wrong number.
MAX_ROWS = 200_000
MAX_BYTES = 50_000_000
SECONDS = 30.0
# A model's SQL of at most 20 kB, set into another's a few times over.
MAX_SQL = 200_000
# Answers that are kept, the latest.
KEPT = 64


class _CachedAnswer:
    """One query: who asks it second waits for the answer of the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: list[tuple[Any, ...]] | InputError | None = None


class GuardedRows:
    """Rows of queries over one store. Answers are kept: the numbers of a contrast share theirs. Safe for threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, _CachedAnswer] = OrderedDict()
        self._lock = threading.Lock()

    def ready(self, sqls: Iterable[str]) -> None:
        """Ask these together, ahead: they share a process, whose start takes longer than most of them.

        What may not run is told where it is asked for.
        """
        entries = {sql: self._of(sql) for sql in dict.fromkeys(sqls)}
        new = [sql for sql, one in entries.items() if one.answer is None]
        for sql, table in zip(new, self._ask(new), strict=True):
            entries[sql].answer = _rows_of(table)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises InputError where it may not run, fails, or has too much to say."""
        if params:
            raise InputError("a guarded query takes no parameters; write the values into it")
        entry = self._of(sql)
        with entry.lock:
            if entry.answer is None:
                [table] = self._ask([sql])
                entry.answer = _rows_of(table)
        if isinstance(entry.answer, InputError):
            raise entry.answer
        return entry.answer

    def _of(self, sql: str) -> _CachedAnswer:
        with self._lock:
            entry = self._known.setdefault(sql, _CachedAnswer())
            self._known.move_to_end(sql)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return entry

    def _ask(self, sqls: Sequence[str]) -> list[Table | Refused]:
        return guarded_queries(
            self._store, sqls, max_rows=MAX_ROWS, max_bytes=MAX_BYTES, seconds=SECONDS, max_sql=MAX_SQL
        )


def _rows_of(table: Table | Refused) -> list[tuple[Any, ...]] | InputError:
    if isinstance(table, Refused):
        return table
    if table.truncated:
        return InputError(f"the answer is longer than {MAX_ROWS:,} rows; aggregate in SQL")
    return list(table.rows)
