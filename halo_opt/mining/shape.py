"""The form that detectors share, and the SQL that it makes: alone, or over a table made for many. Text only.

A shape says what to look for in the steps of an attempt; its SQL has three parts: the steps with the facts that are
named, these with what stands in the steps around them, and one row of marks an attempt. The last part, which judges the
marks, is the same text whether the marks were made for this behaviour alone or for all of them in one pass: so a number
that was found the fast way comes out of the self-contained SQL as well.
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
NARROW = ("trace_id", "step", "tool", "error_type", "page_changed", "empty_fields", "submits")


class Shape(BaseModel):
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


def marks_of(shape: Shape, needs: Iterable[str]) -> dict[str, str]:
    """The aggregates over an attempt's steps that judge it, by the names that the last part knows them by."""
    marks = {}
    if shape.where:
        marks["first_step"] = f"min(step) FILTER (WHERE {shape.where})"
    if shape.having:
        marks["held"] = shape.having
    if shape.among:
        marks["counts"] = shape.among
    for place, condition in enumerate([*shape.in_runs, *(f"count({told(need)}) > 0" for need in _of_steps(needs))]):
        marks[f"run_{place}"] = condition
    return marks


def told(need: str) -> str:
    """The fact that is not NULL where a column of `steps` is not."""
    column = need.removeprefix("steps.")
    return column if column in NARROW else f"told_{column}"


def _of_steps(needs: Iterable[str]) -> list[str]:
    return [need for need in needs if need.startswith("steps.")]


def known_facts(shape: Shape, needs: Iterable[str]) -> dict[str, str]:
    """The facts of a shape, with those that say that a needed column is told."""
    columns = [need.removeprefix("steps.") for need in _of_steps(needs)]
    return {**shape.known, **{f"told_{c}": f"CASE WHEN {c} IS NOT NULL THEN true END" for c in columns}}


def alone_sql(shape: Shape, needs: tuple[str, ...] = ()) -> str:
    """Self-contained SQL of (trace_id, value, step) for every measured attempt to which the shape applies."""
    marks = marks_of(shape, needs)
    parts = [shape.before] if shape.before else []
    if marks:
        facts = known_facts(shape, needs)
        texts = [*marks.values(), *shape.windows.values()]
        parts.append(f"turns AS ({turns_sql(shape.windows, facts_sql(texts, facts))})")
        columns = ", ".join(f"{sql} AS {name}" for name, sql in marks.items())
        parts.append(f"marks AS (SELECT trace_id, {columns} FROM turns GROUP BY trace_id)")
    return _judged(shape, needs, parts)


def shared_sql(shape: Shape, needs: tuple[str, ...], table: str, columns: Mapping[str, str]) -> str:
    """The same over a table of marks that holds each aggregate under the column that `columns` gives for it."""
    marks = marks_of(shape, needs)
    parts = [shape.before] if shape.before else []
    if marks:
        renamed = ", ".join(f"{columns[sql]} AS {name}" for name, sql in marks.items())
        parts.append(f"marks AS (SELECT trace_id, {renamed} FROM {table})")
    return _judged(shape, needs, parts)


def turns_sql(windows: Mapping[str, str], source: str) -> str:
    """The steps of `source` with expressions over the steps around."""
    more = "".join(f", {sql} AS {name}" for name, sql in windows.items())
    return f"SELECT *{more} FROM {source}" + (f" WINDOW {WINDOW}" if more else "")


def _judged(shape: Shape, needs: tuple[str, ...], parts: list[str]) -> str:
    """Which attempts count, and which of them show it."""
    marks = marks_of(shape, needs)
    value = shape.value or " AND ".join(
        test for mark, test in (("first_step", "first_step IS NOT NULL"), ("held", "held")) if mark in marks
    )
    conditions = ["a.outcome IS DISTINCT FROM 'error'"]
    conditions += [_told_by_run(need) for need in needs if not need.startswith("steps.")]
    if "counts" in marks:
        conditions.append("m.counts")
    conditions += [
        f"a.run_id IN (SELECT r.run_id FROM attempts AS r JOIN marks USING (trace_id) WHERE {mark})"
        for mark in marks
        if mark.startswith("run_")
    ]
    conditions += [shape.applies] if shape.applies else []
    joined = " LEFT JOIN marks AS m USING (trace_id)" if marks else ""
    step = "first_step" if "first_step" in marks else "NULL"
    head = "WITH " + ",\n".join(parts) + "\n" if parts else ""
    return (
        f"{head}SELECT trace_id, value, CASE WHEN value THEN step END AS step FROM (\n"
        f"SELECT a.trace_id, coalesce({value}, false) AS value, {step}::INTEGER AS step\n"
        f"FROM attempts AS a{joined} WHERE {' AND '.join(conditions)})"
    )


def _told_by_run(need: str) -> str:
    """The attempt's run tells this column at all."""
    table, column = need.split(".")
    if table == "attempts":
        return f"a.run_id IN (SELECT run_id FROM attempts WHERE {column} IS NOT NULL)"
    return (
        f"a.run_id IN (SELECT r.run_id FROM attempts AS r JOIN {table} AS s USING (trace_id)"
        f" WHERE s.{column} IS NOT NULL)"
    )
