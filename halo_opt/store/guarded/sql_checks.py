"""Checks of the SQL of predicates and numbers that a model wrote.

A predicate must be a rule about what attempts did. A predicate that reads outcomes or lists attempts by name separates
failures from successes without explaining them. A number must be counted in the traces.
"""

import json
import re
from collections.abc import Sequence
from math import isclose, nan
from typing import Any, Literal

from halo_opt.core.errors import HaloError, InputError
from halo_opt.core.records import Value
from halo_opt.store.guarded.sql_text import alone, bare, without_schema
from halo_opt.store.guarded.sql_tree import figure_in_sql, names_a_schema
from halo_opt.store.protocols import Query, Rows
from halo_opt.store.readers.conventions import LABEL, SCORE
from halo_opt.store.schema import BY_NAME

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
# Changed names and outcomes of the same attempts. A rule selects the same attempts under these.
_NAMES = {
    "attempts": "md5(trace_id) AS trace_id, md5(task_id) AS task_id, NULL::BIGINT AS line, NULL::VARCHAR AS source",
    "spans": "md5(trace_id) AS trace_id, NULL::BIGINT AS line, NULL::VARCHAR AS source",
    "steps": "md5(trace_id) AS trace_id",
    "messages": "md5(trace_id) AS trace_id",
    "tool_calls": "md5(trace_id) AS trace_id",
    "scores": "md5(trace_id) AS trace_id",
}
# JSON that takes the attributes by which the readers know outcomes and scores out of an object.
_NO_ENDINGS = f"'{json.dumps(dict.fromkeys((*SCORE, *LABEL)))}'"
_OF_AGENT = "(parent_span_id = '' OR kind IN ('AGENT', 'EVALUATOR'))"
# The tables with outcomes and scores hidden.
_HIDDEN = {
    "attempts": "SELECT * REPLACE (CASE WHEN outcome = 'error' THEN outcome END AS outcome, NULL::DOUBLE AS score,"
    " CASE WHEN outcome = 'error' THEN cause END AS cause) FROM main.attempts",
    "scores": "SELECT * FROM main.scores WHERE false",
    "spans": f"SELECT * REPLACE (CASE WHEN {_OF_AGENT} THEN json_merge_patch(attributes, {_NO_ENDINGS}) ELSE attributes"
    f" END AS attributes, json_merge_patch(resource, {_NO_ENDINGS}) AS resource, CASE WHEN NOT {_OF_AGENT} THEN status"
    f" END AS status, CASE WHEN NOT {_OF_AGENT} THEN status_message END AS status_message, CASE WHEN NOT {_OF_AGENT}"
    " THEN error_type END AS error_type) FROM main.spans",
    "rejects": "SELECT * REPLACE (NULL::VARCHAR AS head) FROM main.rejects",
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


def blind_sql(sql: str) -> str | None:
    """SQL that gives the same rows as `sql` unless it depends on outcomes or scores: these are hidden from it.

    That an attempt was not measured (`error`) stays visible, as do the places of all columns. `sql` must have run
    guarded before. None where it reads no table that holds outcomes.

    Raises:
        InputError: a table is named in a way that nothing can be hidden from.
    """
    plain = _unqualified(sql)
    if names_a_schema(plain):
        raise InputError("a table is named with its schema; write the plain names of tables")
    hidden = ",\n".join(f"{table} AS ({rows})" for table, rows in _HIDDEN.items() if _names(plain, table))
    return f"WITH {hidden}\nSELECT * FROM (\n{plain}\n) AS asked" if hidden else None


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
        renamed, hidden = renamed_sql(predicate), hidden_sql(predicate)
        if renamed is not None and _is_zero(ask(renamed)):
            blind = hidden is None or (_is_zero(ask(hidden)) and not names_a_schema(_unqualified(predicate)))
            return None if blind else "outcome"
        swapped = _differ_sql(predicate, _replaced(_ENDINGS), named="trace_id")
        return "names" if swapped is None or _is_zero(ask(swapped)) else "outcome"
    except HaloError:
        return "names"


def renamed_sql(predicate: str) -> str | None:
    """The first query of `predicate_basis`: one cell, 0 where the predicate is a rule; None where it reads no table."""
    changed = {
        name: f"{columns}, {_ENDINGS[name]}" if name in _ENDINGS else columns for name, columns in _NAMES.items()
    }
    return _differ_sql(predicate, _replaced(changed), named="md5(trace_id)")


def hidden_sql(predicate: str) -> str | None:
    """The second query of `predicate_basis`: one cell, 0 where the predicate selects the same with outcomes hidden.

    None where it reads no table that holds outcomes.
    """
    return _differ_sql(predicate, _HIDDEN, named="trace_id")


def _replaced(columns: dict[str, str]) -> dict[str, str]:
    """By table, a SELECT of its rows with these columns replaced."""
    return {table: f"SELECT * REPLACE ({replaced}) FROM main.{table}" for table, replaced in columns.items()}


def _is_zero(rows: Sequence[tuple[Any, ...]]) -> bool:
    return [tuple(row) for row in rows] == [(0,)]


def _differ_sql(predicate: str, changed: dict[str, str], *, named: str) -> str | None:
    """SQL that counts the attempts selected either from the real or from the changed tables, but not from both."""
    plain = _unqualified(predicate)
    shadows = ",\n".join(f"{table} AS ({rows})" for table, rows in changed.items() if _names(plain, table))
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
    return without_schema(alone(sql), BY_NAME)


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
