"""The attempts that an agent sees: all, or those that a SELECT names. A scope is a filter, not a protection."""

from typing import Self

from halo_opt.core.records import Record
from halo_opt.store.guarded.sql_text import alone, without_schema

# Tables with a trace_id; a query over a scope sees only its rows of these.
SCOPED = ("attempts", "spans", "steps", "messages", "tool_calls", "scores")


class Scope(Record):
    """A part of the attempts: `sql` selects their trace_ids (None for all); `words` describe them.

    A model may have written the SQL: run it, and all SQL made from it, guarded.
    """

    words: str = "all attempts"
    sql: str | None = None

    def over(self, query: str) -> str:
        """A SELECT limited to the attempts of this scope, in the query's own order, as SQL over the whole store."""
        if self.sql is None:
            return query
        tables = ",\n".join(
            f"{name} AS (SELECT * FROM main.{name} WHERE trace_id IN (FROM in_scope))" for name in SCOPED
        )
        # DuckDB keeps the order of a subquery that nothing around it orders anew.
        return f"WITH {self._named()},\n{tables}\nSELECT * FROM ({without_schema(alone(query), SCOPED)}\n) AS asked"

    def trace_ids(self) -> str | None:
        """A SELECT of the trace_id of every attempt in it, in order; None for all attempts."""
        if self.sql is None:
            return None
        return f"WITH {self._named()}\nSELECT trace_id FROM main.attempts WHERE trace_id IN (FROM in_scope) ORDER BY 1"

    def narrowed(self, sql: str, words: str) -> Self:
        """The part of this scope that another SELECT of trace_ids (its first column) names."""
        return self.model_copy(update={"sql": self.over(sql), "words": words})

    def _named(self) -> str:
        # By its place, as the column may have another name; over() may have given a name twice.
        return f"in_scope(trace_id) AS (SELECT DISTINCT #1::VARCHAR FROM ({alone(self.sql or '')}\n) AS named)"


EVERYTHING = Scope()
