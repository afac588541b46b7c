"""A store as mining asks it, each query run under guard: for predicates that a model wrote. Never asks unguarded."""

from collections.abc import Iterable, Sequence
from typing import Any

from halo_opt.errors import InputError
from halo_opt.store.guarded import Refused, guarded_queries
from halo_opt.store.store import Store

# One row a task at most; an answer that was cut would be a wrong number.
MAX_ROWS = 200_000
MAX_BYTES = 50_000_000
SECONDS = 30.0


class GuardedRows:
    """Rows of queries over one store. Answers are kept: the numbers of a contrast share theirs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, list[tuple[Any, ...]] | InputError] = {}

    def ready(self, sqls: Iterable[str]) -> None:
        """Ask these together, ahead: they share a process, whose start takes longer than most of them.

        What may not run is told where it is asked for.
        """
        new = list(dict.fromkeys(sql for sql in sqls if sql not in self._known))
        answers = guarded_queries(self._store, new, max_rows=MAX_ROWS, max_bytes=MAX_BYTES, seconds=SECONDS)
        for sql, answer in zip(new, answers, strict=True):
            if isinstance(answer, Refused):
                self._known[sql] = answer
            elif answer.truncated:
                self._known[sql] = InputError(f"the answer is longer than {MAX_ROWS:,} rows; aggregate in SQL")
            else:
                self._known[sql] = list(answer.rows)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises InputError where it may not run, fails, or has too much to say."""
        if params:
            raise InputError("a guarded query takes no parameters; write the values into it")
        self.ready([sql])
        known = self._known[sql]
        if isinstance(known, InputError):
            raise known
        return known
