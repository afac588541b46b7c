"""The tool `traces`: which attempts there are, by what they did. Only reads."""

from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, room, rows_text
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.findings import found
from halo_opt.analysis.tools.querying import refused, seen
from halo_opt.core.errors import InputError
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.search import checked_pattern

_COLUMNS = {
    "trace_id": "a.trace_id",
    "task_id": "a.task_id",
    "seed": "a.seed",
    "outcome": "a.outcome",
    "steps": "a.steps",
    "errors": "coalesce(s.errors, 0)",
    "tokens_out": "a.tokens_out",
    "cost_usd": "a.cost_usd",
    "end_reason": "a.end_reason",
    "model": "a.model",
    "run_id": "a.run_id",
}
Sort = Literal["trace_id", "task_id", "outcome", "steps", "errors", "tokens_out", "cost_usd"]


class TracesArguments(Arguments):
    """Filters that must all hold."""

    outcome: Literal["success", "failure", "error", "unknown"] | None = None
    task: str | None = Field(default=None, description="task id; * and ? are wildcards")
    model: str | None = Field(default=None, description="model; * and ? are wildcards")
    called: str | None = Field(default=None, description="a tool that was used; * and ? are wildcards")
    error: str | None = Field(default=None, description="RE2 pattern that a step's error matches")
    finding: str | None = Field(default=None, description="id of a finding of mining that the attempt shows (F1)")
    sort: Sort = "task_id"
    descending: bool = False
    limit: int = Field(default=20, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


def run(asked: TracesArguments, context: ToolContext) -> str:
    """A page of attempts, a line each, and how many there are in all."""
    where, params = _where(asked, context)
    try:
        [(total, wins, losses)] = context.store.rows(
            "SELECT count(*), count(*) FILTER (outcome = 'success'), count(*) FILTER (outcome = 'failure')"
            f" FROM attempts AS a WHERE {where}",
            params,
        )
    except InputError as error:
        raise ToolRefused("a filter takes more than the store gives it; write a shorter pattern") from error
    order = f"{_COLUMNS[asked.sort]} {'DESC' if asked.descending else 'ASC'} NULLS LAST, a.trace_id"
    rows = context.store.rows(
        f"SELECT {', '.join(_COLUMNS.values())} FROM attempts AS a LEFT JOIN (SELECT trace_id,"
        " count(*) FILTER (error_type IS NOT NULL) AS errors FROM steps GROUP BY trace_id) AS s USING (trace_id)"
        f" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        [*params, asked.limit, asked.offset],
    )
    if not rows:
        return f"nothing is left after {asked.offset} of {total} attempts" if total else "no attempt passes the filters"
    first, last = asked.offset + 1, asked.offset + len(rows)
    said = f"{first} to {last} of {total} attempts ({wins} successes, {losses} failures)"
    text, missing = rows_text(list(_COLUMNS), rows, room(context, said) - 120)
    note = f"[{missing}; ask with a lower limit, or use 'sql']" if missing else ""
    return answer(context, said, text, note, instead="ask with a lower limit")


def _where(asked: TracesArguments, context: ToolContext) -> tuple[str, list[Any]]:
    chosen = TraceFilter(outcome=asked.outcome, task=asked.task, model=asked.model)
    parts = [chosen.where(), seen(context, "a.trace_id")]
    if asked.called is not None:
        parts.append(("a.trace_id IN (SELECT trace_id FROM steps WHERE tool GLOB ?)", [asked.called]))
    if asked.error is not None:
        try:
            checked_pattern(asked.error, ignore_case=False)
        except InputError as error:
            raise ToolRefused(str(error)) from error
        parts.append(("a.trace_id IN (SELECT trace_id FROM steps WHERE regexp_matches(error, ?))", [asked.error]))
    if asked.finding is not None:
        sql = f"SELECT trace_id FROM ({found(context, asked.finding).predicate_sql}) AS b WHERE value ORDER BY trace_id"
        # A report may come from anybody, and so does its SQL.
        try:
            shown = [str(trace) for (trace,) in context.guarded.rows(sql)]
        except InputError as error:
            raise refused(str(error), sql) from error
        parts.append(("a.trace_id IN (SELECT unnest(?::VARCHAR[]))", [shown]))
    return " AND ".join(f"({sql})" for sql, _ in parts), [value for _, params in parts for value in params]


TOOL = Tool(
    "traces",
    "list attempts by outcome, task, model, tool, error text or finding, with their ids for 'show'",
    TracesArguments,
    run,
)
