"""Checks of the SQL of predicates and numbers that a model wrote.

A predicate must be a rule about what attempts did. A predicate that reads outcomes or lists attempts by name separates
failures from successes without explaining them. A number must be counted in the traces.
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

# Values that correct shares and counts may have even where all columns are empty.
_ANYWHERE = (1, 100)
# Bytes; below the limit of guarded queries, because the predicate is set into longer SQL.
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
# Changed names and outcomes of the same attempts. A rule selects the same attempts under these.
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
    """The column of outcomes or scores that SQL reads; None for none. Leaving out errors is allowed."""
    found = _JUDGES.search(_ERRORS_OUT.sub("", bare(sql)))
    return found.group(0).lower() if found else None


def random_word(sql: str) -> str | None:
    """The function in SQL that depends on chance or the clock; None for none."""
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
    """SQL that counts the attempts selected either with the real or with the changed columns, but not with both."""
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
    """Why a number's SQL does not count anything in the traces; None where it does.

    SQL that contains its own result would confirm a number over any traces.

    Args:
        sql: The SQL of the number.
        value: What it gave.
        store: Counts the attempts.
        ask: Runs the number's SQL.
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
    # A count or share of many attempts differs from that of a single attempt.
    same = re.search(r"\d", sql) and all(_gives(_over_one(sql, which), value, ask) for which in ("min", "max"))
    return "its SQL gives the same for any one attempt" if same else None


def probes(sql: str) -> list[str]:
    """The SQL that `number_problem` usually runs, so that it can be run together."""
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
    """The reason where a number changes when the attempts get other names; None where it does not."""
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
    """The statement without the schema in table names, so that each table is the one that a WITH clause defines."""
    return "".join(_SCHEMA.sub("", one.words) if one.kind == "code" else one.words for one in pieces(alone(sql)))


def _over_one(sql: str, which: str) -> str:
    """The SQL over the attempt with the smallest (`min`) or largest (`max`) trace_id alone."""
    return _over(sql, f"SELECT * FROM main.{{table}} WHERE trace_id = (SELECT {which}(trace_id) FROM main.attempts)")


def _over_blank(sql: str) -> str:
    """The SQL over one attempt that has a row in each table, in which all columns except trace_id are NULL."""
    one = "(SELECT min(trace_id) AS trace_id FROM main.attempts)"
    return _over(
        sql, f"SELECT one.trace_id, t.* EXCLUDE (trace_id) FROM {one} AS one LEFT JOIN main.{{table}} AS t ON false"
    )


def _over(sql: str, rows: str) -> str:
    """The SQL with each table replaced by the SELECT `rows`, in which `{table}` is the table's name."""
    tables = ",\n".join(f"{table} AS ({rows.format(table=table)})" for table in _NAMES if _names(sql, table))
    return (f"WITH {tables}\n" if tables else "") + f"SELECT * FROM (\n{_unqualified(sql)}\n) AS asked"
