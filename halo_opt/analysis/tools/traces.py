"""The tool `traces`: a list of attempts, filtered and sorted."""

from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.findings import finding_of
from halo_opt.analysis.tools.formatting import bytes_left, format_answer, rows_text
from halo_opt.analysis.tools.querying import refused, scope_condition
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
    """Filters, all of which must hold, and the order of the list."""

    outcome: Literal["success", "failure", "error", "unknown"] | None = None
    task: str | None = Field(default=None, description="task id; * and ? are wildcards")
    model: str | None = Field(default=None, description="model; * and ? are wildcards")
    called: str | None = Field(default=None, description="name of a tool that was called; * and ? are wildcards")
    error: str | None = Field(default=None, description="RE2 pattern that a step's error matches")
    finding: str | None = Field(default=None, description="id of a finding of mining that the attempt shows (F1)")
    sort: Sort = "task_id"
    descending: bool = False
    limit: int = Field(default=20, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


def run(arguments: TracesArguments, context: ToolContext) -> str:
    """A page of attempts, a line for each, and how many there are in all."""
    where, params = _where(arguments, context)
    try:
        [(total, wins, losses)] = context.store.rows(
            "SELECT count(*), count(*) FILTER (outcome = 'success'), count(*) FILTER (outcome = 'failure')"
            f" FROM attempts AS a WHERE {where}",
            params,
        )
    except InputError as error:
        raise ToolRefused("a filter needs more memory than the store allows; write a shorter pattern") from error
    order = f"{_COLUMNS[arguments.sort]} {'DESC' if arguments.descending else 'ASC'} NULLS LAST, a.trace_id"
    rows = context.store.rows(
        f"SELECT {', '.join(_COLUMNS.values())} FROM attempts AS a LEFT JOIN (SELECT trace_id,"
        " count(*) FILTER (error_type IS NOT NULL) AS errors FROM steps GROUP BY trace_id) AS s USING (trace_id)"
        f" WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        [*params, arguments.limit, arguments.offset],
    )
    if not rows:
        if not total:
            return "no attempt matches the filters"
        return f"only {total} attempts match the filters; ask with a lower offset"
    first, last = arguments.offset + 1, arguments.offset + len(rows)
    summary = f"{first} to {last} of {total} attempts ({wins} successes, {losses} failures)"
    text, missing = rows_text(list(_COLUMNS), rows, bytes_left(context, summary) - 120)
    note = f"[{missing}; ask with a lower limit, or use 'sql']" if missing else ""
    return format_answer(context, summary, text, note, remedy="ask with a lower limit")


def _where(arguments: TracesArguments, context: ToolContext) -> tuple[str, list[Any]]:
    chosen = TraceFilter(outcome=arguments.outcome, task=arguments.task, model=arguments.model)
    parts = [chosen.where(), scope_condition(context, "a.trace_id")]
    if arguments.called is not None:
        called = "SELECT trace_id FROM {} WHERE tool GLOB ?"
        both = f"{called.format('steps')} UNION ALL {called.format('tool_calls')}"
        parts.append((f"a.trace_id IN ({both})", [arguments.called, arguments.called]))
    if arguments.error is not None:
        try:
            checked_pattern(arguments.error, ignore_case=False)
        except InputError as error:
            raise ToolRefused(str(error)) from error
        parts.append(("a.trace_id IN (SELECT trace_id FROM steps WHERE regexp_matches(error, ?))", [arguments.error]))
    if arguments.finding is not None:
        predicate = finding_of(context, arguments.finding).predicate_sql
        sql = f"SELECT trace_id FROM ({predicate}) AS b WHERE value ORDER BY trace_id"
        # A report, and so its SQL, may come from anybody.
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
