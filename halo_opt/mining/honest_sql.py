"""What SQL about attempts must not look at: how they ended, what they are called, chance, the clock.

Text and comparisons only: what is run goes through the route that is given. A behaviour that is defined by failing
explains every failure; one that names its attempts would hold for no others; both would pass any test.
"""

import re
from collections.abc import Sequence
from math import isclose, nan
from typing import Any, Literal

from halo_opt.errors import HaloError
from halo_opt.mining.behaviour import Rows
from halo_opt.mining.cells import literal
from halo_opt.mining.mismatch import Query
from halo_opt.mining.written_sql import written_itself
from halo_opt.records import Value
from halo_opt.store.sqltext import bare

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


def judged_by(sql: str) -> str | None:
    """The word by which SQL looks at how attempts ended, None where it names none; errors may be left out."""
    found = _JUDGES.search(_ERRORS_OUT.sub("", bare(sql)))
    return found.group(0).lower() if found else None


def unsteady(sql: str) -> str | None:
    """The word by which SQL asks for chance or the clock, so that it gives something else each time."""
    found = _UNSTEADY.search(bare(sql))
    return found.group(0).lower() if found else None


def depends_on(predicate: str, ask: Query) -> Literal["outcome", "names", None]:
    """What a SELECT of trace_ids goes by that no rule about attempts may: it is run over a store in which all attempts
    have other names and the other outcome, and must give the same attempts. `names` also where it cannot be run so.
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
    """What `depends_on` asks first: one cell, 0 where the predicate is a rule. None where it looks at no attempts."""
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


def says_nothing(sql: str, value: Value, store: Rows, ask: Query) -> str | None:
    """Why a number's SQL says nothing about the traces; None where it does. A number that the SQL itself holds would be
    confirmed by it whatever the traces say. `store` names two attempts, `ask` runs the SQL.
    """
    if word := unsteady(sql):
        return f"its SQL asks for {word}, which is something else each time"
    if reason := written_itself(sql) or _picks_out(sql, value, ask):
        return reason
    if not value or not re.search(r"\d", sql):
        return None
    [(attempts, first, last)] = store.rows("SELECT count(*), min(trace_id), max(trace_id) FROM attempts")
    if attempts < 3:
        return None
    try:
        alone = [list(ask(_over_one(sql, trace))) for trace in (first, last)]
    except HaloError:
        return None
    # Counts and shares of many attempts do not come out of any single one as well.
    return "its SQL gives the same for any one attempt" if all(rows == [(value,)] for rows in alone) else None


def _picks_out(sql: str, value: Value, ask: Query) -> str | None:
    """In words, where a number is another one over the same attempts with other names."""
    if not _names(sql, "trace_id"):
        return None
    tables = ", ".join(
        f"{table} AS (SELECT * REPLACE (md5(trace_id) AS trace_id) FROM main.{table})"
        for table in _NAMES
        if _names(sql, table)
    )
    try:
        again = list(ask(f"WITH {tables}\nSELECT * FROM (\n{_unqualified(sql)}\n) AS asked"))
    except HaloError:
        again = []
    cell = again[0][0] if len(again) == 1 else None
    same = isinstance(cell, int | float) and isclose(cell, _float(value))
    return None if same else "its SQL picks attempts out by their names"


def _float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else nan


def _unqualified(sql: str) -> str:
    """A statement in which no table is named with its schema: so it would be reached around the names before it."""
    return re.sub(r"\bmain\s*\.\s*(?=[\w\"])", "", sql.strip().rstrip(";"), flags=re.IGNORECASE)


def _over_one(sql: str, trace_id: str) -> str:
    tables = ",\n".join(
        f"{table} AS (SELECT * FROM main.{table} WHERE trace_id = {literal(trace_id)})"
        for table in _NAMES
        if _names(sql, table)
    )
    return (f"WITH {tables}\n" if tables else "") + f"SELECT * FROM (\n{_unqualified(sql)}\n) AS asked"
