"""A model's SQL over the attempts that its agent sees: run guarded, with errors that say what to do instead."""

import re
from typing import Any

from halo_common.text import nearest
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import shorten_end
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import fence
from halo_opt.store.guarded.guarded_rows import MAX_SQL
from halo_opt.store.guarded.queries import MAX_ANSWER_BYTES, MAX_ROWS, MAX_SQL_BYTES, Table, guarded_query
from halo_opt.store.guarded.sql_text import bare
from halo_opt.store.queries.show import trace_id_of
from halo_opt.store.schema import BY_NAME

# SQL with another result each time cannot be run again when an analysis is resumed or replayed.
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
# Where the list of everything that is allowed begins, which is too long for an answer.
_ALLOWED = "; allowed is one SELECT"
_HINTS = (
    ("not exactly one statement", "send one SELECT; send others as actions of their own"),
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
    ("table function", "select from tables by their names; 'overview' lists them"),
)


def query(context: ToolContext, sql: str, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_ANSWER_BYTES) -> Table:
    """Run one SELECT over the attempts that the agent sees; it must give the same rows each time.

    Raises ToolRefused with what to do instead.
    """
    if len(sql.encode("utf-8", "replace")) > MAX_SQL_BYTES:
        raise ToolRefused(f"the SQL is longer than {MAX_SQL_BYTES} bytes; ask for less at a time")
    if unsteady := _UNSTEADY.search(bare(sql)):
        raise ToolRefused(
            f"{unsteady.group().rstrip('( ')} gives another result each time; write a fixed value, or pick rows by"
            " ORDER BY hash(trace_id) LIMIT n"
        )
    try:
        return guarded_query(
            context.store, context.scope.over(sql), max_rows=max_rows, max_bytes=max_bytes, max_sql=MAX_SQL, threads=1
        )
    except InputError as error:
        raise refused(str(error), sql) from error


def scope_condition(context: ToolContext, column: str = "trace_id") -> tuple[str, list[Any]]:
    """A condition on a column of trace ids that holds for the attempts in the agent's scope, and its parameters."""
    ids = scope_ids(context, context.scope)
    return ("true", []) if ids is None else (f"{column} IN (SELECT unnest(?::VARCHAR[]))", [ids])


def full_trace_id(context: ToolContext, prefix: str) -> str:
    """The whole id of an attempt from its beginning. Raises ToolRefused where the agent sees none or several such."""
    shown = repr(prefix[:80])
    try:
        trace_id = trace_id_of(context.store, prefix)
    except InputError as error:
        if "is not one trace" in str(error):
            raise ToolRefused(f"{shown} is the beginning of several trace ids; give more of it") from error
        raise ToolRefused(f"there is no attempt {shown}; 'traces' lists their ids") from error
    ids = scope_ids(context, context.scope)
    if ids is not None and trace_id not in ids:
        words = context.scope.words[:120]
        raise ToolRefused(f"attempt {shown} is not one of yours ({words}); 'traces' lists those")
    return trace_id


def scope_ids(context: ToolContext, scope: Scope) -> list[str] | None:
    """The trace ids of the attempts in a scope, in order; None for all attempts."""
    sql = scope.trace_ids()
    if sql is None:
        return None
    try:
        return [str(trace) for (trace,) in context.guarded.rows(sql)]
    except InputError as error:
        raise refused(str(error), sql) from error


def refused(error: str, sql: str) -> ToolRefused:
    """An error of guarded SQL with what to do instead. DuckDB's part of it may quote a trace, so it is fenced."""
    error = error.partition(_ALLOWED)[0].partition("\n\nLINE ")[0].strip()
    ours, found, theirs = error.partition("the query cannot run: ")
    shown = f"{ours}{found.rstrip()}\n{fence(shorten_end(theirs, 600))}" if found else shorten_end(ours, 300)
    return ToolRefused(f"{shown}\ninstead: {_remedy(error, sql)}")


def _remedy(error: str, sql: str) -> str:
    if match := _NO_COLUMN.search(error):
        return _column_remedy(match["one"] or match["two"], sql)
    if match := _NO_TABLE.search(error):
        near = nearest(match["name"], BY_NAME)
        return f"the nearest table is {near}" if near else f"the tables are {', '.join(BY_NAME)}"
    for sign, remedy in _HINTS:
        if sign in error:
            return remedy
    return "ask a simpler SELECT; 'overview' lists the tables and columns"


def _alias(table: str, sql: str) -> str:
    """The alias that a query gives a table, or the table's name."""
    found = re.search(rf"\b{table}\s+(?:as\s+(?P<marked>\w+)|(?!{_AFTER_TABLE})(?P<bare>\w+))", sql)
    return (found["marked"] or found["bare"]) if found else table


def _columns_of(table: str) -> list[str]:
    return [column.name for column in BY_NAME[table].columns]


def _column_remedy(name: str, sql: str) -> str:
    """The table that has a column, or the nearest name; and the columns of the query's tables."""
    text, name_lower = bare(sql).lower(), name.lower()
    in_query = [table for table in BY_NAME if re.search(rf"\b{table}\b", text)]
    having = [table for table in BY_NAME if name_lower in _columns_of(table)]
    here = [table for table in having if table in in_query]
    remedies = []
    if here:
        # The table is in the query, but the alias of another one stood before the column.
        right = [f"write {_alias(table, text)}.{name_lower}, as {table} has it" for table in here]
        remedies.append(" or ".join(right))
    elif having:
        remedies.append(f"{name_lower} is a column of {', '.join(having)}; join it USING (trace_id)")
    else:
        known = {column for table in in_query for column in _columns_of(table)}
        near = nearest(name_lower, known)
        remedies += [f"the nearest column is {near}"] if near else []
    remedies += [f"{table} has {', '.join(_columns_of(table))}" for table in in_query]
    if f'"{name}"' in sql:
        remedies.append("a text value stands in single quotes")
    return "; ".join(remedies) or "'overview' lists the tables and columns"
