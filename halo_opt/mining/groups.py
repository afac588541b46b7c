"""Where a behaviour is concentrated: by task family, model, mode, harness revision and run.

No trace format records the family of a task, so it is read from the task's id: the id without the number or hash at its
end, or else its first letters.
"""

from collections.abc import Sequence
from typing import Literal

from halo_opt.core.report_records import Finding, GroupRow, GroupTable
from halo_opt.core.text import listed
from halo_opt.mining.behaviour import Behaviour
from halo_opt.stats.heterogeneity import GroupCell, clustered_rate, heterogeneity_p
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.store.protocols import Rows

Kind = Literal["task family", "model", "mode", "harness revision", "run"]
# More groups than this are a list, not a table.
MOST_GROUPS = 12
FALSE_DISCOVERY = 0.05
# A group is left out of a fix when its share is at most this part of the others', and its interval ends below them.
FAR_RARER = 0.2
# Ways to read a family from a task id, the finest first; one is right that makes few families of several tasks each.
_FAMILIES = (
    r"regexp_replace(task_id, '[-_.:/# ]*([0-9]+|[0-9a-f]{8,})$', '')",
    r"regexp_extract(task_id, '^(?:.*[.:/])?[A-Za-z]+')",
    r"regexp_extract(task_id, '^[A-Za-z0-9]+')",
)
_COLUMNS: dict[Kind, str] = {
    "model": "model",
    "mode": "mode",
    "harness revision": "harness_revision",
    # A run of one attempt is no group.
    "run": "CASE WHEN run_id IN (SELECT run_id FROM attempts GROUP BY run_id HAVING count(*) > 1) THEN run_id END",
}


def grouped(store: Rows, findings: Sequence[Finding], behaviours: Sequence[Behaviour]) -> list[Finding]:
    """Add to each finding a table for every kind of group that has several groups in these attempts.

    The q-values of the tables are corrected over all tables of all findings (Benjamini-Hochberg).
    """
    known = {behaviour.name: behaviour for behaviour in behaviours}
    kinds = kinds_of(store)
    tables = [
        (finding.id, group_table(store, known[finding.behaviour], kind, label))
        for finding in findings
        if finding.behaviour in known
        for kind, label in kinds.items()
    ]
    q_values = benjamini_hochberg([table.p_value for _, table in tables])
    corrected: dict[str, list[GroupTable]] = {}
    for (name, table), q_value in zip(tables, q_values, strict=True):
        corrected.setdefault(name, []).append(_corrected(table, q_value))
    return [finding.model_copy(update={"groups": corrected.get(finding.id, [])}) for finding in findings]


def kinds_of(store: Rows) -> dict[Kind, str]:
    """The SQL of an attempt's group, by each kind of group that has several groups in these attempts.

    Of two kinds that divide the runs in the same way only the first is returned.
    """
    found: dict[Kind, str] = {}
    if family := _family(store):
        found["task family"] = family
    partitions: set[frozenset[tuple[object, ...]]] = set()
    for kind, column in _COLUMNS.items():
        rows = store.rows(f"SELECT DISTINCT run_id, coalesce({column}, '') FROM attempts ORDER BY ALL")
        groups = {group for _, group in rows}
        # Runs that each have a model of their own are the models again.
        partition = _partition(rows)
        if 2 <= len(groups - {""}) <= MOST_GROUPS and partition not in partitions:
            partitions.add(partition)
            found[kind] = column
    return found


def _partition(rows: Sequence[tuple[object, ...]]) -> frozenset[tuple[object, ...]]:
    """Rows (run, group), sorted, as the runs of each group: the same for two kinds that divide the runs alike."""
    runs: dict[object, list[object]] = {}
    for run, group in rows:
        runs.setdefault(group, []).append(run)
    return frozenset(tuple(members) for members in runs.values())


def _family(store: Rows) -> str | None:
    """The SQL of a task's family: the first of `_FAMILIES` that makes a few families of several tasks; else None."""
    for label in _FAMILIES:
        [(families, tasks)] = store.rows(
            f"SELECT count(DISTINCT {label}), count(DISTINCT task_id) FROM attempts WHERE {label} <> ''"
        )
        if 2 <= families <= min(MOST_GROUPS, tasks / 2):
            return label
    return None


def group_table(store: Rows, behaviour: Behaviour, kind: Kind, label: str) -> GroupTable:
    """Count a behaviour in each group of one kind, and test whether the groups differ.

    Args:
        store: Where the SQL runs.
        behaviour: The behaviour that is counted. Only measured attempts to which it applies take part.
        kind: The kind of group, as named in the report.
        label: The SQL expression of an attempt's group; attempts with an empty one are left out.
    """
    sql = (
        f"WITH behaviour AS ({behaviour.sql}),\nlabelled AS (SELECT trace_id, task_id, outcome, {label} AS label FROM"
        " attempts)\nSELECT label, task_id, count(*), count(*) FILTER (value), count(*) FILTER (outcome = 'failure'),"
        " count(*) FILTER (value AND outcome = 'failure') FROM behaviour JOIN labelled USING (trace_id) WHERE outcome"
        " IN ('success', 'failure') AND label <> '' GROUP BY ALL ORDER BY ALL"
    )
    return table_of(kind, sql, store.rows(sql))


def table_of(kind: Kind, sql: str, rows: Sequence[tuple[object, ...]]) -> GroupTable:
    """The table from rows (group, task, attempts, shown, failures, failures_shown), all counts of attempts.

    Raises:
        ValueError: A row does not have these six columns, or a count is not a number.
    """
    cells: dict[str, list[GroupCell]] = {}
    failed: dict[str, tuple[int, int]] = {}
    for group, task, *counts in rows:
        attempts, shown, failures, failures_shown = (int(str(count)) for count in counts)
        cells.setdefault(str(group), []).append(GroupCell(str(group), str(task), attempts, shown))
        before = failed.get(str(group), (0, 0))
        failed[str(group)] = (before[0] + failures, before[1] + failures_shown)
    lines = [_group_row(group, own, *failed[group]) for group, own in cells.items()]
    every_cell = [cell for own in cells.values() for cell in own]
    return GroupTable(by=kind, rows=lines, p_value=heterogeneity_p(cells=every_cell), sql=sql)


def _group_row(group: str, cells: Sequence[GroupCell], failures: int, failures_shown: int) -> GroupRow:
    return GroupRow(
        group=group,
        attempts=sum(cell.attempts for cell in cells),
        shown=sum(cell.shown for cell in cells),
        interval=clustered_rate(cells=cells),
        failures=failures,
        failures_shown=failures_shown,
    )


def _corrected(table: GroupTable, q: float | None) -> GroupTable:
    shown = q is not None and q <= FALSE_DISCOVERY
    return table.model_copy(update={"q_value": q, "note": note_of(table) if shown else ""})


def note_of(table: GroupTable) -> str:
    """Where the behaviour is concentrated, in a sentence; '' when no group stands far behind the others."""
    shares = {row.group: row.shown / row.attempts for row in table.rows if row.attempts}
    if not shares:
        return ""
    top = max(shares.values())
    high = [row for row in table.rows if shares.get(row.group, 0) >= top / 2]
    least = min(shares[row.group] for row in high)
    rare = [
        row
        for row in table.rows
        if row.interval and shares.get(row.group, 1) <= FAR_RARER * top and row.interval[1] < least
    ]
    if not rare:
        return "Some of these groups show it more often than others."
    fix = f" A fix may be needed for that {table.by} only." if len(high) == 1 and table.by in {"model", "mode"} else ""
    return f"Common in {_listed(high)} and rare or absent in {_listed(rare)}.{fix}"


def _listed(rows: Sequence[GroupRow]) -> str:
    return listed([f"{row.group} ({row.shown} of {row.attempts})" for row in rows])
