"""What attempts show, counted over all of them: for traces whose outcomes are missing or all the same."""

from collections.abc import Iterable, Sequence

from halo_opt.core.report_records import CountRow, CountTable, Number
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.measure import Measured, literal
from halo_opt.mining.signatures import signature_behaviour, signatures
from halo_opt.mining.totals import number
from halo_opt.store.protocols import Rows

MOST_LISTED = 20
MOST_ACTIONS = 5
_COUNTED = "outcome IS DISTINCT FROM 'error'"
_FIRST, _LAST = "arg_min(tool, step)", "arg_max(tool, step)"


def needs_counting(store: Rows) -> bool:
    """Whether some attempt has no outcome, or failures and successes cannot be compared."""
    [(attempts, unknown, successes, failures)] = store.rows(
        f"SELECT count(*) FILTER ({_COUNTED}), count(*) FILTER (outcome IS NULL), count(*) FILTER (outcome ="
        " 'success'), count(*) FILTER (outcome = 'failure') FROM attempts"
    )
    return bool(attempts) and (bool(unknown) or not successes or not failures)


def common_signatures(store: MaterializedStore) -> list[Behaviour]:
    """The commonest error messages and shapes of calls, as behaviours; the steps must still be kept in the store."""
    found = signatures(store)
    errors = [one for one in found if one.kind == "error"][:MOST_LISTED]
    calls = [one for one in found if one.kind == "call"][:MOST_LISTED]
    return [signature_behaviour(one) for one in (*errors, *calls)]


def count_tables(store: Rows, named: Sequence[Measured], common: Sequence[Behaviour]) -> list[CountTable]:
    """Tables of what attempts show; tables without a row are left out.

    Args:
        store: The attempts.
        named: The measured behaviours.
        common: Signatures, as `common_signatures` gives them.
    """
    seen = [m.behaviour for m in named if m.shown]
    errors = [b for b in common if b.name.startswith("error_")]
    calls = [b for b in common if b.name.startswith("call_")]
    tables = [
        _table("Behaviours", [_row(store, b.title, b.sql) for b in seen]),
        _table("Errors, with names and numbers masked", [_row(store, _template(b), b.sql) for b in errors]),
        _table("Calls, with names and numbers masked", [_row(store, _template(b), b.sql) for b in calls]),
        _table("First actions", _actions(store, _FIRST)),
        _table("Last actions", _actions(store, _LAST)),
        _table("How attempts end", _endings(store)),
    ]
    return [table for table in tables if table.rows]


def shown_count_sql(behaviour: Behaviour) -> str:
    """Attempts that show a behaviour, whatever their outcome: one cell."""
    return f"WITH behaviour AS ({behaviour.sql})\nSELECT count(*) FROM behaviour WHERE value"


def _table(title: str, rows: list[CountRow]) -> CountTable:
    """A table with the commonest first; rows that no attempt shows are left out."""
    shown = [row for row in rows if row.shown.value]
    return CountTable(title=title, rows=sorted(shown, key=lambda row: (-_share(row), row.title)))


def _share(row: CountRow) -> float:
    shown, attempts = row.shown.value, row.attempts.value
    return shown / attempts if isinstance(shown, int) and isinstance(attempts, int) and attempts else 0.0


def _template(behaviour: Behaviour) -> str:
    return behaviour.title.partition(": ")[2]


def _actions(store: Rows, which: str) -> list[CountRow]:
    """The tools that attempts call first, or last."""
    each = f"SELECT trace_id, {which} AS tool FROM steps WHERE tool IS NOT NULL GROUP BY trace_id"
    found = store.rows(
        f"SELECT tool FROM ({each}) JOIN attempts USING (trace_id) WHERE {_COUNTED} GROUP BY tool"
        f" ORDER BY count(*) DESC, tool LIMIT {MOST_ACTIONS}"
    )
    return [
        _row(
            store,
            str(tool),
            f"SELECT trace_id, coalesce(tool = {literal(str(tool))}, false) AS value"
            f" FROM attempts LEFT JOIN ({each}) USING (trace_id)",
        )
        for (tool,) in found
    ]


def _endings(store: Rows) -> list[CountRow]:
    found = store.rows(
        f"SELECT end_reason FROM attempts WHERE {_COUNTED} AND end_reason IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC"
    )
    return [
        _row(
            store,
            str(reason).replace("_", " "),
            f"SELECT trace_id, coalesce(end_reason = {literal(str(reason))}, false) AS value FROM attempts",
        )
        for (reason,) in found
    ]


def _row(store: Rows, title: str, sql: str) -> CountRow:
    """A row from SQL of (trace_id, value): how many attempts show it, of how many, and the interval of the share."""
    seen = f"WITH seen AS ({sql})\n"
    counted = f"FROM seen JOIN attempts USING (trace_id) WHERE {_COUNTED}"
    by_task = f"SELECT task_id, coalesce(value, false)::DOUBLE {counted} ORDER BY task_id, trace_id"
    return CountRow(
        title=title,
        shown=number(store, f"{seen}SELECT count(*) {counted} AND value"),
        attempts=number(store, f"{seen}SELECT count(*) {counted}"),
        interval=number(store, f"{seen}{by_task}", "rate_interval"),
    )


def numbers_of_counts(tables: Sequence[CountTable]) -> Iterable[tuple[str, Number]]:
    """Every number of count tables with its place."""
    for table in tables:
        for row in table.rows:
            for part in ("shown", "attempts", "interval"):
                yield f"counts[{table.title}][{row.title}].{part}", getattr(row, part)
