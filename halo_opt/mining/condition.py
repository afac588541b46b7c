"""The form in which detectors are declared, and the SQL that follows from it: self-contained, or over a shared table.

The SQL has three parts: the steps with the named facts, these with expressions over the steps around, and one row of
aggregates an attempt. The last part, which judges the aggregates, is the same text whether they were computed for this
behaviour alone or for all behaviours in one pass. So the self-contained SQL gives the same numbers.
"""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from halo_opt.mining.facts import FACTS, facts_sql

# The attempt's steps in order.
WINDOW = "w AS (PARTITION BY trace_id ORDER BY step)"
_STEPS = "OVER (PARTITION BY trace_id ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND {})"
# Parts of the attempt for aggregates in `windows`: the steps before this one, these and this one, all steps.
FRAMES = {
    "before": _STEPS.format("1 PRECEDING"),
    "so_far": _STEPS.format("CURRENT ROW"),
    "whole": _STEPS.format("UNBOUNDED FOLLOWING"),
}
# Columns of `steps` that are narrow enough to be kept for many detectors; others are reached through facts.
NARROW = ("trace_id", "step", "tool", "error_type", "page_changed", "empty_fields", "submits", "agent")

# What a detector may need beside single columns: an aggregate over the steps of an attempt that holds where it is
# recorded.
RECORDED = {
    "results": "bool_or(result_known)",
    "pages": "bool_or(page_shown)",
    "endings": "bool_or(finishing)",
}


class Condition(BaseModel):
    """What to look for in an attempt. Names are facts (`facts` adds to the common ones) and narrow columns of `steps`.

    `windows`: expressions over facts in the steps around (window `w` is the attempt's steps in order).
    `where`: a condition on one step; the behaviour is shown from the first step on that fulfils it.
    `having`: an aggregate over the attempt's steps, known as `held`; without `value` it is the behaviour.
    `value`: a condition on `first_step` (of `where`), `held`, and the attempt `a`, instead of the usual one.
    `before`: common table expressions over `attempts` that `value` uses.
    `among`: an aggregate condition on the steps of attempts that it applies to. `in_runs`: aggregate conditions, each
    to hold for some attempt of the run. `applies`: a condition on the attempt `a`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: Mapping[str, str] = {}
    windows: Mapping[str, str] = {}
    where: str = ""
    having: str = ""
    value: str = ""
    before: str = ""
    among: str = ""
    in_runs: tuple[str, ...] = ()
    applies: str = ""

    @property
    def known(self) -> dict[str, str]:
        """All facts that it may name."""
        return {**FACTS, **self.facts}


def aggregates_of(condition: Condition, needs: Iterable[str]) -> dict[str, str]:
    """The aggregates over an attempt's steps that judge it, by the names that the last part knows them by."""
    marks = {}
    if condition.where:
        marks["first_step"] = f"min(step) FILTER (WHERE {condition.where})"
    if condition.having:
        marks["held"] = condition.having
    if condition.among:
        marks["counts"] = condition.among
    for place, aggregate in enumerate(
        [*condition.in_runs, *(recorded_aggregate(need) for need in needs if _is_of_steps(need))]
    ):
        marks[f"run_{place}"] = aggregate
    return marks


def recorded_aggregate(need: str) -> str:
    """The aggregate over an attempt's steps that holds where a need is recorded: a column of `steps`, or `RECORDED`."""
    if need in RECORDED:
        return RECORDED[need]
    column = need.removeprefix("steps.")
    return f"count({column if column in NARROW else f'told_{column}'}) > 0"


def _is_of_steps(need: str) -> bool:
    return need in RECORDED or need.startswith("steps.")


def known_facts(condition: Condition, needs: Iterable[str]) -> dict[str, str]:
    """The facts of a condition, with those that say that a needed column has a value."""
    columns = [need.removeprefix("steps.") for need in needs if need.startswith("steps.")]
    return {**condition.known, **{f"told_{c}": f"CASE WHEN {c} IS NOT NULL THEN true END" for c in columns}}


def self_contained_sql(condition: Condition, needs: tuple[str, ...] = ()) -> str:
    """Self-contained SQL of (trace_id, value, step) for every measured attempt to which the condition applies."""
    marks = aggregates_of(condition, needs)
    parts = [condition.before] if condition.before else []
    if marks:
        facts = known_facts(condition, needs)
        texts = [*marks.values(), *condition.windows.values()]
        parts.append(f"turns AS ({steps_with_windows_sql(condition.windows, facts_sql(texts, facts))})")
        columns = ", ".join(f"{sql} AS {name}" for name, sql in marks.items())
        parts.append(f"marks AS (SELECT trace_id, {columns} FROM turns GROUP BY trace_id)")
    return _judged(condition, needs, parts)


def materialized_sql(condition: Condition, needs: tuple[str, ...], table: str, columns: Mapping[str, str]) -> str:
    """The same over a table of marks that holds each aggregate under the column that `columns` gives for it."""
    marks = aggregates_of(condition, needs)
    parts = [condition.before] if condition.before else []
    if marks:
        renamed = ", ".join(f"{columns[sql]} AS {name}" for name, sql in marks.items())
        parts.append(f"marks AS (SELECT trace_id, {renamed} FROM {table})")
    return _judged(condition, needs, parts)


def steps_with_windows_sql(windows: Mapping[str, str], source: str) -> str:
    """The steps of `source` with expressions over the steps around."""
    more = "".join(f", {sql} AS {name}" for name, sql in windows.items())
    return f"SELECT *{more} FROM {source}" + (f" WINDOW {WINDOW}" if more else "")


def _judged(condition: Condition, needs: tuple[str, ...], parts: list[str]) -> str:
    """Which attempts count, and which of them show it."""
    marks = aggregates_of(condition, needs)
    value = condition.value or " AND ".join(
        test for mark, test in (("first_step", "first_step IS NOT NULL"), ("held", "held")) if mark in marks
    )
    conditions = ["a.outcome IS DISTINCT FROM 'error'"]
    conditions += [_recorded_in_run(need) for need in needs if not _is_of_steps(need)]
    if "counts" in marks:
        conditions.append("m.counts")
    conditions += [
        f"a.run_id IN (SELECT r.run_id FROM attempts AS r JOIN marks USING (trace_id) WHERE {mark})"
        for mark in marks
        if mark.startswith("run_")
    ]
    conditions += [condition.applies] if condition.applies else []
    joined = " LEFT JOIN marks AS m USING (trace_id)" if marks else ""
    step = "first_step" if "first_step" in marks else "NULL"
    head = "WITH " + ",\n".join(parts) + "\n" if parts else ""
    return (
        f"{head}SELECT trace_id, value, CASE WHEN value THEN step END AS step FROM (\n"
        f"SELECT a.trace_id, coalesce({value}, false) AS value, {step}::INTEGER AS step\n"
        f"FROM attempts AS a{joined} WHERE {' AND '.join(conditions)})"
    )


def _recorded_in_run(need: str) -> str:
    """A condition that holds where the attempt's run has this column at all."""
    table, column = need.split(".")
    if table == "attempts":
        return f"a.run_id IN (SELECT run_id FROM attempts WHERE {column} IS NOT NULL)"
    return (
        f"a.run_id IN (SELECT r.run_id FROM attempts AS r JOIN {table} AS s USING (trace_id)"
        f" WHERE s.{column} IS NOT NULL)"
    )
