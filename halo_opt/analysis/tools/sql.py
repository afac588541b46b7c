"""The tool `sql`: one guarded SELECT over the attempts that the agent sees. Its rows may hold words of traces."""

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, room, rows_text
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.querying import query

_NARROWER = "select fewer columns, aggregate, left(text, 200), or add LIMIT"


class SqlArguments(Arguments):
    """One query."""

    query: str = Field(description="one SELECT in DuckDB's SQL; ORDER BY what matters, LIMIT the rest")


def run(asked: SqlArguments, context: ToolContext) -> str:
    """A header and rows with tabs between, and how many there are."""
    table = query(context, asked.query)
    count = len(table.rows)
    if table.truncated:
        said = f"more than {count} rows; the first {count} were fetched"
    else:
        said = f"{count} row{'' if count == 1 else 's'}"
    if context.scope.sql is not None:
        said += f", over {context.scope.words[:200]}"
    if not count:
        return answer(context, f"{said}; its columns would be", "\t".join(table.columns))
    text, missing = rows_text(table.columns, table.rows, room(context, said) - 160)
    return answer(context, said, text, f"[{missing}; {_NARROWER}]" if missing else "", instead=_NARROWER)


TOOL = Tool(
    "sql",
    "one SELECT (DuckDB) over the tables: the first choice for counting, grouping and comparing",
    SqlArguments,
    run,
)
