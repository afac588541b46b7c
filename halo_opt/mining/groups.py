"""Where a behaviour is concentrated: by task family, model, mode, harness revision and run.

No trace format records the family of a task, so it is read from the task's id: the id without the number or hash at its
end, or else its first letters.
"""

from collections.abc import Sequence
from typing import Literal

from halo_opt.core.report_records import Finding, GroupRow, GroupTable
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
    "run": "run_id",
}


def grouped(store: Rows, findings: Sequence[Finding], behaviours: Sequence[Behaviour]) -> list[Finding]:
    """The findings with a table for each kind of group that these attempts hold several of."""
    known = {behaviour.name: behaviour for behaviour in behaviours}
    kinds = kinds_of(store)
    tables = {
        finding.id: [group_table(store, known[finding.behaviour], kind, label) for kind, label in kinds.items()]
        for finding in findings
        if finding.behaviour in known
    }
    q_values = iter(benjamini_hochberg([table.p_value for own in tables.values() for table in own]))
    corrected = {name: [_corrected(table, next(q_values)) for table in own] for name, own in tables.items()}
    return [finding.model_copy(update={"groups": corrected.get(finding.id, [])}) for finding in findings]


def kinds_of(store: Rows) -> dict[Kind, str]:
    """The kinds of groups that there are several of, with the SQL of an attempt's group; of two that divide the runs"
    " in the same way only the first."""
    found: dict[Kind, str] = {}
    if family := _family(store):
        found["task family"] = family
    partitions: set[tuple[object, ...]] = set()
    for kind, column in _COLUMNS.items():
        rows = store.rows(f"SELECT DISTINCT run_id, coalesce({column}, '') FROM attempts ORDER BY ALL")
        groups = {group for _, group in rows}
        # Runs that each have a model of their own are the models again.
        parts = tuple(sorted(tuple(run for run, group in rows if group == one) for one in groups))
        if 2 <= len(groups - {""}) <= MOST_GROUPS and parts not in partitions:
            partitions.add(parts)
            found[kind] = column
    return found


def _family(store: Rows) -> str | None:
    """The SQL of a task's family that makes some families of several tasks each; None where no way does."""
    for label in _FAMILIES:
        [(families, tasks)] = store.rows(
            f"SELECT count(DISTINCT {label}), count(DISTINCT task_id) FROM attempts WHERE {label} <> ''"
        )
        if 2 <= families <= min(MOST_GROUPS, tasks / 2):
            return label
    return None


def group_table(store: Rows, behaviour: Behaviour, kind: Kind, label: str) -> GroupTable:
    """A behaviour by the groups of one kind, among measured attempts to which it applies and whose group is known."""
    sql = (
        f"WITH behaviour AS ({behaviour.sql})\nSELECT {label}, task_id, count(*),"
        " count(*) FILTER (value), count(*) FILTER (outcome = 'failure'), count(*) FILTER (value AND outcome ="
        f" 'failure') FROM behaviour JOIN attempts USING (trace_id) WHERE outcome IN ('success', 'failure') AND {label}"
        " <> '' GROUP BY ALL ORDER BY ALL"
    )
    return table_of(kind, sql, store.rows(sql))


def table_of(kind: Kind, sql: str, rows: Sequence[tuple[object, ...]]) -> GroupTable:
    """The table from rows (group, task, attempts, shown, failures, failures_shown). Pure; ValueError on other rows."""
    cells: dict[str, list[GroupCell]] = {}
    failed: dict[str, tuple[int, int]] = {}
    for group, task, *counts in rows:
        attempts, shown, failures, failures_shown = (int(str(count)) for count in counts)
        cells.setdefault(str(group), []).append(GroupCell(str(group), str(task), attempts, shown))
        before = failed.get(str(group), (0, 0))
        failed[str(group)] = (before[0] + failures, before[1] + failures_shown)
    lines = [
        GroupRow(
            group=group,
            attempts=sum(cell.attempts for cell in own),
            shown=sum(cell.shown for cell in own),
            interval=clustered_rate(cells=own),
            failures=failed[group][0],
            failures_shown=failed[group][1],
        )
        for group, own in cells.items()
    ]
    return GroupTable(
        by=kind, rows=lines, p_value=heterogeneity_p(cells=[c for own in cells.values() for c in own]), sql=sql
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
        return "It is not equally common in these groups."
    where = ", ".join(f"{row.group} ({row.shown} of {row.attempts})" for row in high)
    lacking = ", ".join(f"{row.group} ({row.shown} of {row.attempts})" for row in rare)
    fix = f" A fix may be needed for that {table.by} alone." if len(high) == 1 and table.by in {"model", "mode"} else ""
    return f"Seen in {where} and rarely or never in {lacking}.{fix}"
