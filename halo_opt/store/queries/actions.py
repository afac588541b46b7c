"""SQL that queries about actions share: actions in order, attempts by outcome, rates.

An action is a TOOL span. A rate is over successes and failures; errors and attempts without an outcome are counted
apart.
"""

from collections.abc import Sequence
from typing import Any

from halo_opt.core.records import Record
from halo_opt.store.queries.filters import TraceFilter

# Rows of one attempt keep their order in the file where nothing else tells it.
IN_ORDER = "started_at NULLS LAST, byte_offset NULLS LAST, line NULLS LAST, s.rowid"
OUTCOMES = (
    "count(*) AS attempts, count(*) FILTER (outcome = 'success') AS success,"
    " count(*) FILTER (outcome = 'failure') AS failure, count(*) FILTER (outcome = 'error') AS error,"
    " count(*) FILTER (outcome IS NULL) AS unknown"
)


class Outcomes(Record):
    """How some attempts ended; `rate` is successes of successes and failures, None where there are none."""

    attempts: int
    success: int
    failure: int
    error: int
    unknown: int

    @property
    def rate(self) -> float | None:
        """The share of successes."""
        return rate(self.success, self.failure)


OUTCOME_COLUMNS = (*Outcomes.model_fields, "success_rate")


def outcomes(row: Sequence[int]) -> Outcomes:
    """The outcomes in the columns that the SQL `OUTCOMES` selects."""
    return Outcomes(**dict(zip(Outcomes.model_fields, row, strict=True)))


def outcome_cells(found: Outcomes) -> tuple[object, ...]:
    """Outcomes as cells of a table."""
    return (found.attempts, found.success, found.failure, found.error, found.unknown, found.rate)


def rate(success: int, failure: int) -> float | None:
    """The share of successes; None without successes and failures."""
    return success / (success + failure) if success + failure else None


def with_actions(chosen: TraceFilter | None) -> tuple[str, list[Any]]:
    """`WITH chosen AS (attempts that pass), actions AS (trace_id, tool, call_hash, n)`, and its parameters."""
    head, params = with_chosen(chosen)
    return (
        f"{head}, actions AS (SELECT s.trace_id, s.tool, s.call_hash, row_number() OVER ("
        f"PARTITION BY s.trace_id ORDER BY {IN_ORDER}) AS n"
        " FROM spans s SEMI JOIN chosen USING (trace_id) WHERE s.kind = 'TOOL' AND s.tool IS NOT NULL)",
        params,
    )


def with_chosen(chosen: TraceFilter | None) -> tuple[str, list[Any]]:
    """`WITH chosen AS (attempts that pass)` and its parameters."""
    where, params = (chosen or TraceFilter()).where()
    return f"WITH chosen AS (SELECT * FROM attempts a WHERE {where})", params
