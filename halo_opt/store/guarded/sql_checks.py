"""Checks of predicates and numbers that a model wrote in SQL.

A predicate must be a rule about what attempts did. One that looks at how they ended explains every failure; one that
names its attempts holds for no others; both would pass any test. A number must be counted in the traces.
"""

import re
from collections.abc import Sequence
from math import isclose, nan
from typing import Any, Literal

from halo_opt.core.errors import HaloError
from halo_opt.core.records import Value
from halo_opt.store.guarded.sql_text import alone, bare, pieces
from halo_opt.store.guarded.sql_tree import figure_in_sql
from halo_opt.store.protocols import Query, Rows

# Values that true shares and counts have where columns are empty.
_ANYWHERE = (1, 100)
# Leaves room, under the guard, for the SQL of the numbers that are counted over a behaviour.
MAX_SQL = 8_000
LISTED = "its attempts are listed by name, not found by a rule"

_JUDGES = re.compile(r"\b(outcome|score|scores)\b", re.IGNORECASE)
_ERRORS_OUT = re.compile(r"(\w+\.)?outcome\s+IS\s+DISTINCT\s+FROM\s+''", re.IGNORECASE)
_UNSTEADY = re.compile(
    r"\b(random|now|today|current_date|current_time|current_timestamp|get_current_timestamp|get_current_time"
    r"|transaction_timestamp|localtime|localtimestamp|uuid|gen_random_uuid|sample|tablesample)\b",
    re.IGNORECASE,
)
_SCHEMA = re.compile(r"(?<![\w.])main\s*\.\s*(?=\w|$)", re.IGNORECASE)
# Other names and other endings for the same attempts. What a rule finds is found again under these.
_NAMES = {
    "attempts": "md5(trace_id) AS trace_id, md5(task_id) AS task_id, NULL::BIGINT AS line, NULL::VARCHAR AS source",
    "spans": "md5(trace_id) AS trace_id, NULL::BIGINT AS line, NULL::VARCHAR AS source",
    "steps": "md5(trace_id) AS trace_id",
    "messages": "md5(trace_id) AS trace_id",
    "tool_calls": "md5(trace_id) AS trace_id",
    "scores": "md5(trace_id) AS trace_id",
}
_ENDINGS = {
    "attempts": "CASE outcome WHEN 'success' THEN 'failure' WHEN 'failure' THEN 'success' ELSE outcome END AS outcome,"
    " 1 - score AS score",
    "scores": "1 - value AS value, NULL::VARCHAR AS label",
}


def outcome_word(sql: str) -> str | None:
    """The word by which SQL looks at how attempts ended, None where it names none; errors may be left out."""
    found = _JUDGES.search(_ERRORS_OUT.sub("", bare(sql)))
    return found.group(0).lower() if found else None


def random_word(sql: str) -> str | None:
    """The word by which SQL asks for chance or the clock, so that it gives something else each time."""
    found = _UNSTEADY.search(bare(sql))
    return found.group(0).lower() if found else None


def predicate_basis(predicate: str, ask: Query) -> Literal["outcome", "names", None]:
    """Whether a predicate selects attempts by their outcome or by their names; None where it is a rule.

    The predicate is run over a copy of the tables in which all names and outcomes are changed. A rule about what
    attempts did selects the same attempts there.

    Args:
        predicate: A SELECT of the trace_ids of the attempts that show a behaviour.
        ask: Runs SQL over the store.

    Returns:
        "outcome" where other names alone make no difference and other outcomes do, "names" otherwise; also "names"
        where the changed query cannot be run.
    """
    try:
        sql = renamed_sql(predicate)
        if sql is not None and _is_zero(ask(sql)):
            return None
        sql = _differ_sql(predicate, _ENDINGS, named="trace_id")
        return "names" if sql is None or _is_zero(ask(sql)) else "outcome"
    except HaloError:
        return "names"


def renamed_sql(predicate: str) -> str | None:
    """The first query of `predicate_basis`: one cell, 0 where the predicate is a rule; None where it reads no table."""
    return _differ_sql(predicate, {**_NAMES, **_joined()}, named="md5(trace_id)")


def _joined() -> dict[str, str]:
    return {name: f"{_NAMES[name]}, {more}" for name, more in _ENDINGS.items()}


def _is_zero(rows: Sequence[tuple[Any, ...]]) -> bool:
    return [tuple(row) for row in rows] == [(0,)]


def _differ_sql(predicate: str, changed: dict[str, str], *, named: str) -> str | None:
    """How many attempts only one of two gives: the predicate here, and where these columns of attempts are changed."""
    plain = _unqualified(predicate)
    shadows = ",\n".join(
        f"{table} AS (SELECT * REPLACE ({replaced}) FROM main.{table})"
        for table, replaced in changed.items()
        if _names(plain, table)
    )
    if not shadows:
        return None
    picked = f"(SELECT DISTINCT trace_id::VARCHAR AS trace_id FROM (\n{plain}\n) AS p)"
    return (
        f"WITH here AS (SELECT {named} AS trace_id FROM {picked}),\n"
        f"there AS (WITH {shadows} SELECT trace_id FROM {picked})\n"
        "SELECT count(*) FROM ((FROM here EXCEPT FROM there) UNION ALL (FROM there EXCEPT FROM here))"
    )


def _names(sql: str, table: str) -> bool:
    return re.search(rf"\b{table}\b", sql, re.IGNORECASE) is not None


def number_problem(sql: str, value: Value, store: Rows, ask: Query) -> str | None:
    """Why a number's SQL says nothing about the traces; None where it does. A number that the SQL itself holds would be
    confirmed by it whatever the traces say. `store` names two attempts, `ask` runs the SQL.
    """
    if word := random_word(sql):
        return f"its SQL asks for {word}, which is something else each time"
    if reason := figure_in_sql(sql) or _picks_out(sql, value, ask):
        return reason
    [(attempts,)] = store.rows("SELECT count(*) FROM attempts")
    if not value or attempts < 3:
        return None
    if value not in _ANYWHERE and _gives(_over_blank(sql), value, ask):
        return "its SQL gives the same for an attempt of which nothing is known"
    # Counts and shares of many attempts do not come out of any single one as well.
    same = re.search(r"\d", sql) and all(_gives(_over_one(sql, which), value, ask) for which in ("min", "max"))
    return "its SQL gives the same for any one attempt" if same else None


def probes(sql: str) -> list[str]:
    """What `says_nothing` asks as a rule, so that it can be asked together."""
    return [*filter(None, [_renamed_number(sql)]), _over_blank(sql), *(_over_one(sql, one) for one in ("min", "max"))]


def _gives(sql: str, value: Value, ask: Query) -> bool:
    try:
        return list(ask(sql)) == [(value,)]
    except HaloError:
        return False


def _renamed_number(sql: str) -> str | None:
    if not _names(sql, "trace_id"):
        return None
    tables = ", ".join(
        f"{table} AS (SELECT * REPLACE (md5(trace_id) AS trace_id) FROM main.{table})"
        for table in _NAMES
        if _names(sql, table)
    )
    return (f"WITH {tables}\n" if tables else "") + f"SELECT * FROM (\n{_unqualified(sql)}\n) AS asked"


def _picks_out(sql: str, value: Value, ask: Query) -> str | None:
    """In words, where a number is another one over the same attempts with other names."""
    renamed = _renamed_number(sql)
    if renamed is None:
        return None
    try:
        again = list(ask(renamed))
    except HaloError:
        again = []
    cell = again[0][0] if len(again) == 1 else None
    same = isinstance(cell, int | float) and isclose(cell, _float(value))
    return None if same else "its SQL picks attempts out by their names"


def _float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else nan


def _unqualified(sql: str) -> str:
    """A statement in which no table is named with its schema: so it would be reached around the names before it."""
    return "".join(_SCHEMA.sub("", one.words) if one.kind == "code" else one.words for one in pieces(alone(sql)))


def _over_one(sql: str, which: str) -> str:
    """The SQL over the first or the last attempt alone."""
    return _over(sql, f"SELECT * FROM main.{{table}} WHERE trace_id = (SELECT {which}(trace_id) FROM main.attempts)")


def _over_blank(sql: str) -> str:
    """The SQL over one attempt of which only the id is known, with a row in each table."""
    one = "(SELECT min(trace_id) AS trace_id FROM main.attempts)"
    return _over(
        sql, f"SELECT one.trace_id, t.* EXCLUDE (trace_id) FROM {one} AS one LEFT JOIN main.{{table}} AS t ON false"
    )


def _over(sql: str, rows: str) -> str:
    """The SQL over other rows of each table, from a SELECT with `{table}` in it."""
    tables = ",\n".join(f"{table} AS ({rows.format(table=table)})" for table in _NAMES if _names(sql, table))
    return (f"WITH {tables}\n" if tables else "") + f"SELECT * FROM (\n{_unqualified(sql)}\n) AS asked"
