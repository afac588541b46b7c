"""SQL that a model wrote, over what its agent sees: run under guard, its errors made into advice. Never unguarded."""

import difflib
import re
from typing import Any

from halo_opt.analysis.tools.answers import head
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import fence
from halo_opt.store.guarded.queries import MAX_ANSWER_BYTES, MAX_ROWS, MAX_SQL_BYTES, Table, guarded_query
from halo_opt.store.guarded.rows import MAX_SQL
from halo_opt.store.guarded.sqltext import bare
from halo_opt.store.queries.show import trace_id_of
from halo_opt.store.schema import BY_NAME

# What gives another answer each time cannot be asked again when an analysis goes on or is replayed.
_UNSTEADY = re.compile(
    r"\b(random|uuid|gen_random_uuid|now|today|get_current_\w+|transaction_timestamp)\s*\("
    r"|\b(current_(date|time|timestamp)|localtime(stamp)?)\b|\b(tablesample|using\s+sample)\b",
    re.IGNORECASE,
)
_NO_COLUMN = re.compile(r'Referenced column "(?P<one>[^"]+)"|does not have a column named "(?P<two>[^"]+)"')
_NO_TABLE = re.compile(r"there is no table '(?P<name>[^']*)'")
# Words that may follow a table which has no alias.
_AFTER_TABLE = (
    r"(?:on|using|where|join|inner|left|right|full|cross|natural|semi|anti|asof|positional|group|order|having|qualify"
    r"|window|limit|offset|union|except|intersect|tablesample)\b"
)
# Our own words end where the list of everything that is allowed begins.
_ALLOWED = "; allowed is one SELECT"
_HINTS = (
    ("not exactly one statement", "send one SELECT, and each other one as an action of its own"),
    ("this is no SELECT", "nothing can be changed here; write a SELECT"),
    ("must appear in the GROUP BY", "name every plain column in GROUP BY, write GROUP BY ALL, or any_value(column)"),
    ("WHERE clause cannot contain aggregates", "put the condition on an aggregate into HAVING"),
    ("WHERE clause cannot contain window", "put the condition on a window function into QUALIFY"),
    ("Ambiguous reference", "write the table's alias before the column"),
    ("Conversion Error", "use TRY_CAST(column AS type), which gives NULL for what does not fit"),
    ("Malformed JSON", "not every text is JSON; use CASE WHEN json_valid(column) THEN column ->> '$.key' END"),
    ("took longer", "narrow it with WHERE, or aggregate before you join"),
    ("one row is longer", "select left(column, 500)"),
    ("is not allowed or does not exist", "use a plain DuckDB function; regexp_matches(text, pattern) for patterns"),
    ("syntax error", "the dialect is DuckDB's, which is much like PostgreSQL's"),
    ("table function", "ask the tables by their names; 'overview' lists them"),
)


def query(context: ToolContext, sql: str, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_ANSWER_BYTES) -> Table:
    """The rows of one SELECT over the attempts that the agent sees; the same each time.

    Raises ToolRefused with what to do instead.
    """
    if len(sql.encode("utf-8", "replace")) > MAX_SQL_BYTES:
        raise ToolRefused(f"the SQL is longer than {MAX_SQL_BYTES} bytes; ask for less at a time")
    if unsteady := _UNSTEADY.search(bare(sql)):
        raise ToolRefused(
            f"{unsteady.group().rstrip('( ')} gives another answer each time; write a fixed value, or pick rows by"
            " ORDER BY hash(trace_id) LIMIT n"
        )
    try:
        return guarded_query(
            context.store, context.scope.over(sql), max_rows=max_rows, max_bytes=max_bytes, max_sql=MAX_SQL, threads=1
        )
    except InputError as error:
        raise refused(str(error), sql) from error


def seen(context: ToolContext, column: str = "trace_id") -> tuple[str, list[Any]]:
    """A condition on a column of trace ids, and its parameters: true for the attempts of the context's scope."""
    ids = ids_of(context, context.scope)
    return ("true", []) if ids is None else (f"{column} IN (SELECT unnest(?::VARCHAR[]))", [ids])


def seen_trace(context: ToolContext, trace: str) -> str:
    """The whole id of an attempt from its beginning. Raises ToolRefused where the agent sees none or several such."""
    try:
        trace_id = trace_id_of(context.store, trace)
    except InputError as error:
        if "is not one trace" in str(error):
            raise ToolRefused(f"{trace[:80]!r} is the beginning of several trace ids; give more of it") from error
        raise ToolRefused(f"there is no attempt {trace[:80]!r}; 'traces' lists their ids") from error
    ids = ids_of(context, context.scope)
    if ids is not None and trace_id not in ids:
        raise ToolRefused(
            f"attempt {trace[:80]!r} is not one of yours ({context.scope.words[:120]}); 'traces' lists those"
        )
    return trace_id


def ids_of(context: ToolContext, scope: Scope) -> list[str] | None:
    """The trace ids of a scope that there are, in order; None for all attempts."""
    sql = scope.trace_ids()
    if sql is None:
        return None
    try:
        return [str(trace) for (trace,) in context.guarded.rows(sql)]
    except InputError as error:
        raise refused(str(error), sql) from error


def refused(words: str, sql: str) -> ToolRefused:
    """An error of guarded SQL as one that says what to do. DuckDB's words may hold a trace's, so they are data."""
    said = words.partition(_ALLOWED)[0].partition("\n\nLINE ")[0].strip()
    ours, found, theirs = said.partition("the query cannot run: ")
    told = f"{ours}{found.rstrip()}\n{fence(head(theirs, 600))}" if found else head(ours, 300)
    return ToolRefused(f"{told}\ninstead: {_instead(said, sql)}")


def _instead(said: str, sql: str) -> str:
    if match := _NO_COLUMN.search(said):
        return _column(match["one"] or match["two"], sql)
    if match := _NO_TABLE.search(said):
        near = difflib.get_close_matches(match["name"], BY_NAME, n=1)
        return f"the nearest table is {near[0]}" if near else f"the tables are {', '.join(BY_NAME)}"
    for sign, instead in _HINTS:
        if sign in said:
            return instead
    return "ask a simpler SELECT; 'overview' lists the tables and columns"


def _alias(table: str, sql: str) -> str:
    """What a query calls a table."""
    found = re.search(rf"\b{table}\s+(?:as\s+(?P<said>\w+)|(?!{_AFTER_TABLE})(?P<bare>\w+))", sql)
    return (found["said"] or found["bare"]) if found else table


def _column(name: str, sql: str) -> str:
    """The nearest right name, where it is, and what the tables of the query have."""
    text = bare(sql).lower()
    named = [table for table in BY_NAME if re.search(rf"\b{table}\b", text)]
    columns = {table: [column.name for column in BY_NAME[table].columns] for table in BY_NAME}
    having = [table for table in BY_NAME if name.lower() in columns[table]]
    elsewhere = [table for table in having if table not in named]
    said = []
    if here := [table for table in having if table in named]:
        # The table is there; it was another one's alias that stood before the column.
        said.append(" or ".join(f"write {_alias(table, text)}.{name.lower()}, as {table} has it" for table in here))
    elif elsewhere:
        said.append(f"{name.lower()} is a column of {', '.join(elsewhere)}; join it USING (trace_id)")
    else:
        near = difflib.get_close_matches(name.lower(), {c for table in named for c in columns[table]}, n=1)
        said += [f"the nearest column is {near[0]}"] if near else []
    said += [f"{table} has {', '.join(columns[table])}" for table in named]
    if f'"{name}"' in sql:
        said.append("a text value stands in single quotes")
    return "; ".join(said) or "'overview' lists the tables and columns"
