"""The tool `sql`: one guarded SELECT over the attempts that the agent sees."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.formatting import bytes_left, format_answer, rows_text
from halo_opt.analysis.tools.querying import query

_NARROWER = "select fewer columns, aggregate, left(text, 200), or add LIMIT"


class SqlArguments(Arguments):
    """One query."""

    query: str = Field(description="one SELECT in DuckDB's SQL; ORDER BY what matters, LIMIT the rest")


def run(arguments: SqlArguments, context: ToolContext) -> str:
    """The rows with tabs between their cells, and how many there are."""
    table = query(context, arguments.query)
    count = len(table.rows)
    if table.truncated:
        summary = f"more than {count} rows; the first {count} were fetched"
    else:
        summary = f"{count} row{'' if count == 1 else 's'}"
    if context.scope.sql is not None:
        summary += f", over {context.scope.words[:200]}"
    if not count:
        return format_answer(context, f"{summary}; its columns would be", "\t".join(table.columns))
    text, missing = rows_text(table.columns, table.rows, bytes_left(context, summary) - 160)
    return format_answer(context, summary, text, f"[{missing}; {_NARROWER}]" if missing else "", remedy=_NARROWER)


TOOL = Tool(
    "sql",
    "one SELECT (DuckDB) over the tables: the first choice for counting, grouping and comparing",
    SqlArguments,
    run,
)
