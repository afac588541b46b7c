"""The tool `overview`: counts of what the store holds, and the tables for SQL."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.by_run import comparisons_text
from halo_opt.analysis.tools.formatting import byte_count, bytes_left, format_answer, rows_text
from halo_opt.analysis.tools.querying import scope_condition
from halo_opt.core.report_records import Report
from halo_opt.store.schema import BY_NAME, TABLES, Table

# Tables of the store's own book-keeping.
_HIDDEN = ("meta", "inputs", "pending", "rejects")
_PART_BYTES = 2_000


class OverviewArguments(Arguments):
    """Nothing for the overview, or a table."""

    table: str | None = Field(default=None, description="name of one table, to get its columns with their meanings")


def run(arguments: OverviewArguments, context: ToolContext) -> str:
    """Counts, outcomes, models, tools, kinds of errors, and the tables; or one table in full."""
    if arguments.table is not None:
        return _table(arguments.table, context)
    schema = "\n".join(["tables:", *(_signature(table) for table in TABLES if table.name not in _HIDDEN)])
    summary = f"{context.scope.words}\n{schema}\n'overview' with a table explains its columns"
    [(pending,)] = context.store.rows("SELECT count(*) FROM pending")
    if pending:
        summary += f"\n{pending} attempts were imported without contents: the tables lack their steps and messages"
    found = [(title, _rows(context, sql)) for title, sql in _QUERIES]
    # A report that is made only when it is asked for is not asked here: the overview must be there at once.
    made = isinstance(context.report, Report) and context.scope.sql is None
    comparisons = comparisons_text(context.report) if made else []
    space = bytes_left(context, summary)
    # Fewer rows of each part, rather than no row of the last ones.
    for most in (12, 6, 3, 1):
        data = "\n".join([*comparisons, *(_part(title, rows, most) for title, rows in found if rows)])
        if byte_count(data) <= space:
            break
    return format_answer(context, summary, data, remedy="ask with 'sql' for the rest")


def _signature(table: Table) -> str:
    names = [column.name for column in table.columns]
    return f"{table.name}({', '.join(names)})"


def _table(name: str, context: ToolContext) -> str:
    if name not in BY_NAME:
        raise ToolRefused(f"there is no table {name[:60]!r}; the tables are {', '.join(BY_NAME)}")
    table = BY_NAME[name]
    lines = [f"{column.name} {column.type}: {column.meaning}" for column in table.columns]
    return format_answer(
        context, f"{table.name}: {table.meaning}", "\n".join(lines), remedy="ask with 'sql': DESCRIBE " + name
    )


# Title and SQL of each part; {where} stands for the condition of the scope.
_QUERIES: tuple[tuple[str, str], ...] = (
    (
        "attempts",
        "SELECT count(*) AS attempts, count(DISTINCT task_id) AS tasks, count(DISTINCT run_id) AS runs,"
        " count(*) FILTER (outcome = 'success') AS success, count(*) FILTER (outcome = 'failure') AS failure,"
        " count(*) FILTER (outcome = 'error') AS error, count(*) FILTER (outcome IS NULL) AS unknown,"
        " quantile_disc(steps, 0.5) AS median_steps, max(steps) AS most_steps, sum(cost_usd) AS cost_usd"
        " FROM attempts WHERE {where}",
    ),
    (
        "tasks by attempts that succeed",
        "SELECT CASE WHEN won = 0 THEN 'none' WHEN won = tried THEN 'all' ELSE 'some' END AS succeeding,"
        " count(*) AS tasks, sum(tried)::BIGINT AS attempts FROM (SELECT task_id, count(*) AS tried,"
        " count(*) FILTER (outcome = 'success') AS won FROM attempts"
        " WHERE outcome IN ('success', 'failure') AND {where} GROUP BY task_id) GROUP BY 1 ORDER BY 1",
    ),
    (
        "runs",
        "SELECT run_id, any_value(format) AS format, a.model, a.mode, count(*) AS attempts,"
        " count(*) FILTER (outcome = 'success') AS success, count(*) FILTER (outcome = 'failure') AS failure"
        " FROM attempts AS a LEFT JOIN (SELECT run_id, format FROM runs) USING (run_id) WHERE {where}"
        " GROUP BY run_id, a.model, a.mode ORDER BY attempts DESC, run_id, a.model, a.mode",
    ),
    (
        "how attempts end",
        "SELECT end_reason, cause, count(*) FILTER (outcome = 'failure') AS failures,"
        " count(*) FILTER (outcome = 'success') AS successes, count(*) AS attempts"
        " FROM attempts WHERE {where} GROUP BY ALL ORDER BY attempts DESC, end_reason, cause",
    ),
    (
        "tools",
        "SELECT tool, count(*) AS steps, count(DISTINCT trace_id) AS attempts,"
        " count(*) FILTER (error_type IS NOT NULL) AS with_error FROM steps WHERE {where}"
        " GROUP BY tool ORDER BY steps DESC, tool",
    ),
    (
        "kinds of errors",
        "SELECT error_type, count(*) AS steps, count(DISTINCT trace_id) AS attempts,"
        " left(min(error), 160) AS example FROM steps WHERE error_type IS NOT NULL AND {where}"
        " GROUP BY error_type ORDER BY steps DESC, error_type",
    ),
    (
        "scores",
        "SELECT name, count(*) AS attempts, avg(value) AS mean FROM scores WHERE {where}"
        " GROUP BY name ORDER BY attempts DESC, name",
    ),
)


def _rows(context: ToolContext, sql: str) -> list[dict[str, Any]]:
    where, params = scope_condition(context)
    return context.store.records(sql.replace("{where}", where), params)


def _part(title: str, rows: Sequence[dict[str, Any]], most: int) -> str:
    text, _ = rows_text(list(rows[0]), [list(row.values()) for row in rows[:most]], _PART_BYTES)
    more = f"\n({len(rows) - most} more)" if len(rows) > most else ""
    return f"{title}:\n{text}{more}"


TOOL = Tool(
    "overview",
    "counts of attempts, outcomes, models, tools and errors, and the tables for SQL; ask this first",
    OverviewArguments,
    run,
)
