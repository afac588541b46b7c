"""A tiny store in memory with the real tables, for tests of mining: rows in, no files."""

from collections.abc import Sequence
from typing import Any

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.store import schema

STEP = dict.fromkeys(column.name for column in schema.BY_NAME["steps"].columns)
ATTEMPT = dict.fromkeys(column.name for column in schema.BY_NAME["attempts"].columns)


def step(tool: str | None = None, arguments: str | None = None, **more: Any) -> dict[str, Any]:
    """One step; what is not given is NULL."""
    return {"tool": tool, "arguments": arguments, **more}


class TinyStore:
    """Attempts with their steps, queried like a `Store`."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(schema.ddl())
        self.made = 0

    def add(
        self,
        steps: Sequence[dict[str, Any]] = (),
        *,
        outcome: str | None = "failure",
        task: str = "t",
        run: str = "r",
        **more: Any,
    ) -> str:
        """Insert one attempt with its steps; gives its trace id."""
        trace = f"trace-{self.made:04}"
        attempt = {
            **ATTEMPT,
            "trace_id": trace,
            "run_id": run,
            "task_id": task,
            "seed": self.made,
            "attempt": 0,
            "outcome": outcome,
            "steps": len(steps),
            **more,
        }
        self._insert("attempts", attempt)
        for number, given in enumerate(steps):
            self._insert("steps", {**STEP, "trace_id": trace, "step": number, **given})
        self.made += 1
        return trace

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(sql, list(params)).fetchall()
        except duckdb.Error as error:
            raise InputError(f"the query cannot run: {error}") from error

    def close(self) -> None:
        self.connection.close()
