"""The attempts an agent looks at: all, or those that a SELECT names. It narrows what is read, and guards nothing."""

from typing import Self

from halo_opt.records import Record

# Tables with a trace_id; a query over a scope sees only its rows of these.
SCOPED = ("attempts", "spans", "steps", "messages", "tool_calls", "scores")


class Scope(Record):
    """`sql` gives the trace_ids, None for all attempts; `words` say what they are ("failures of task 7")."""

    words: str = "all attempts"
    sql: str | None = None

    def over(self, query: str) -> str:
        """A SELECT that sees only the attempts of this scope, as SQL over the whole store."""
        if self.sql is None:
            return query
        tables = ",\n".join(
            f"{name} AS (SELECT * FROM main.{name} WHERE trace_id IN (FROM in_scope))" for name in SCOPED
        )
        return f"WITH in_scope AS ({self.sql}),\n{tables}\nSELECT * FROM ({query.strip().rstrip(';')}) AS asked"

    def narrowed(self, sql: str, words: str) -> Self:
        """The part of this scope that another SELECT of trace_ids names."""
        return self.model_copy(update={"sql": self.over(sql), "words": words})


EVERYTHING = Scope()
