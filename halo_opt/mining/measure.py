"""One behaviour measured over a store: counts, and a contrast between failures and successes.

Every number has its SQL as text, self-contained, so that it can be run again alone.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Literal

from halo_opt.core.errors import InputError
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import RECORDED
from halo_opt.mining.facts import facts_sql
from halo_opt.stats.contrast import Contrast, contrast
from halo_opt.stats.registry import cells_of
from halo_opt.store.protocols import Rows

# Below this a contrast is not made at all: an interval from less would say nothing.
MIN_FAILURES = 5
MIN_WITH = 5

# Reasons why there is no test, as words that follow "no test was made because".
NOTHING_VARIES = "no group of comparable attempts varies in both the behaviour and the outcome"
WHOLE_ATTEMPT = "attempts end when they succeed, and this is a fact of the whole attempt, of which no step is known"
NOT_SO_EARLY = "attempts end when they succeed, so only first steps are compared, and no attempt shows it in these"

State = Literal["tested", "described", "consequence", "not seen", "not applicable", "failed"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A behaviour over the measured attempts of a store. `reason` says why a state other than "tested" was given.

    `whole` says that it is a fact of the attempt and of no step. `attempts` counts the attempts of any outcome to which
    the behaviour applies, `shown` those that show it.
    """

    behaviour: Behaviour
    state: State
    reason: str
    failures_with: int
    failures: int
    successes_with: int
    successes: int
    contrast: Contrast | None
    cells_sql: str
    whole: bool = False
    attempts: int = 0
    shown: int = 0

    @property
    def p_value(self) -> float | None:
        """The p-value that takes part in the correction for many tests; None when not tested."""
        return self.contrast.p_value if self.contrast and self.state == "tested" else None


def literal(text: str) -> str:
    """A SQL string literal; names in traces are not ours to trust. No SQL can hold a NUL character itself."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def count_sql(behaviour: Behaviour, *, outcome: Literal["failure", "success"], shown: bool) -> str:
    """Attempts of one outcome to which the behaviour applies, or (`shown`) which show it: one cell."""
    return (
        f"WITH behaviour AS ({behaviour.sql})\n"
        f"SELECT count(*) FROM behaviour JOIN attempts USING (trace_id) WHERE outcome = '{outcome}'"
        + (" AND value" if shown else "")
    )


def by_outcome_sql(behaviour: Behaviour) -> str:
    """Rows (outcome, attempts to which the behaviour applies, attempts that show it), for people to run."""
    return (
        f"WITH behaviour AS ({behaviour.sql})\n"
        "SELECT outcome, count(*) AS attempts, count(*) FILTER (value) AS shown FROM behaviour JOIN attempts USING"
        " (trace_id) WHERE outcome IN ('failure', 'success') GROUP BY outcome ORDER BY outcome"
    )


def counts_sql(behaviour: Behaviour) -> str:
    """One row: failures with it, failures, successes with it, successes, attempts, with it, with it and no step."""
    return (
        f"WITH behaviour AS ({behaviour.sql})\nSELECT count(*) FILTER (outcome = 'failure' AND value),"
        " count(*) FILTER (outcome = 'failure'), count(*) FILTER (outcome = 'success' AND value), count(*) FILTER"
        " (outcome = 'success'), count(*), count(*) FILTER (value), count(*) FILTER (value AND step IS NULL) FROM"
        " behaviour JOIN attempts USING (trace_id)"
    )


# Attempts with the run that is held fixed. Runs of one measured attempt, as formats make them that name a run for each
# attempt, have nothing to compare within: together they are one.
SINGLES = "runs of one attempt"
COMPARED_SQL = (
    "SELECT * REPLACE (CASE WHEN count(*) FILTER (outcome IN ('success', 'failure')) OVER (PARTITION BY run_id) > 1"
    f" THEN run_id ELSE '{SINGLES}' END AS run_id) FROM attempts"
)


def shown_sql(behaviour: Behaviour, first_steps: Mapping[str, int]) -> str:
    """Rows (trace, run, task, failed, shown) of the attempts that take part in the contrast.

    Runs of one attempt are one run.

    In runs named in `first_steps` success itself ends an attempt, so failures have more steps to show anything in.
    There only the first so many steps count, in attempts that lasted as long, and facts of a whole attempt are left
    out.
    """
    counted = "value"
    join, where = "", "outcome IN ('success', 'failure')"
    ctes = f"WITH behaviour AS ({behaviour.sql})"
    if first_steps:
        values = ", ".join(f"({literal(run)}, {steps})" for run, steps in sorted(first_steps.items()))
        ctes += f",\nexposure(run_id, first_steps) AS (VALUES {values})"
        join = " LEFT JOIN exposure USING (run_id)"
        counted = "value AND (first_steps IS NULL OR step < first_steps)"
        where += (
            " AND (first_steps IS NULL OR (steps >= first_steps AND NOT EXISTS (SELECT 1 FROM behaviour WHERE value"
            " AND step IS NULL)))"
        )
    return (
        f"{ctes}\nSELECT trace_id, run_id, task_id, outcome = 'failure' AS failed, {counted} AS shown"
        f" FROM behaviour JOIN ({COMPARED_SQL}) USING (trace_id){join} WHERE {where}"
    )


_COUNTS = (
    "count(*) FILTER (shown), count(*) FILTER (shown AND failed), count(*) FILTER (NOT shown), count(*) FILTER (NOT"
    " shown AND failed)"
)


def cells_sql(behaviour: Behaviour, first_steps: Mapping[str, int]) -> str:
    """Rows (run, task, with, with and failed, without, without and failed): what the contrast statistics read."""
    return (
        f"WITH shown AS ({shown_sql(behaviour, first_steps)})\n"
        f"SELECT run_id, task_id, {_COUNTS} FROM shown GROUP BY run_id, task_id ORDER BY run_id, task_id"
    )


def cells_given_sql(behaviour: Behaviour, given: Behaviour, first_steps: Mapping[str, int]) -> str:
    """The same with another behaviour held fixed too: each run falls into attempts with it and without it."""
    return (
        f"WITH shown AS ({shown_sql(behaviour, first_steps)}),\n"
        f"given AS ({shown_sql(given, first_steps)}),\n"
        "held AS (SELECT s.run_id || CASE WHEN g.shown THEN ' with' ELSE ' without' END AS run_id, s.task_id,"
        " s.failed, s.shown FROM shown AS s LEFT JOIN given AS g USING (trace_id))\n"
        f"SELECT run_id, task_id, {_COUNTS} FROM held GROUP BY run_id, task_id ORDER BY run_id, task_id"
    )


def steps_where_success_ends(store: Rows) -> dict[str, int]:
    """Runs whose failures run into the step limit while successes do not, and the first steps to compare there.

    In such runs length follows from the outcome. The median length of successes keeps half of them comparable.
    """
    rows = store.rows(
        "WITH m AS (SELECT run_id, steps, outcome, coalesce(end_reason = 'step_limit', steps >= step_limit, false) AS"
        f" cut FROM ({COMPARED_SQL}) WHERE outcome IN ('success', 'failure') AND steps IS NOT NULL)"
        " SELECT run_id, greatest(2, floor(median(steps) FILTER (outcome = 'success'))) FROM m GROUP BY run_id"
        " HAVING count(*) FILTER (outcome = 'success') >= 2 AND count(*) FILTER (outcome = 'failure') >= 2"
        " AND avg(cut::INT) FILTER (outcome = 'failure') - avg(cut::INT) FILTER (outcome = 'success') > 0.5"
        " ORDER BY run_id"
    )
    return {str(run): int(steps) for run, steps in rows}


# What a detector needs, in words that follow "the traces record no".
_NEEDED = {
    "steps.page_changed": "page changes",
    "steps.empty_fields": "empty fields of forms",
    "steps.submits": "controls that submit a form",
    "steps.result": "results of calls",
    "steps.ended_at": "times of steps",
    "attempts.steps": "numbers of steps",
    "attempts.step_limit": "step limit",
    "attempts.end_reason": "reasons why attempts ended",
    "attempts.cost_usd": "costs",
    "attempts.tokens_out": "tokens",
    "attempts.ended_at": "times of attempts",
    "results": "results or errors of calls",
    "pages": "pages",
    "endings": "calls by which an agent ends its attempt",
}


def unrecorded(store: Rows, behaviour: Behaviour, known: MutableMapping[str, bool] | None = None) -> str | None:
    """Why a behaviour is not applicable to traces that do not record what it needs; None where they record it.

    `known` keeps what was asked of the store for further behaviours.
    """
    asked = known if known is not None else {}
    for need in behaviour.needs:
        if need not in asked:
            asked[need] = _is_recorded(store, need)
    missing = [need for need in behaviour.needs if not asked[need]]
    if missing:
        return "the traces record no " + " and no ".join(_NEEDED.get(need, f"values of {need}") for need in missing)
    condition = behaviour.condition
    if condition and (condition.where or condition.having):
        if "steps" not in asked:
            asked["steps"] = bool(store.rows("SELECT 1 FROM steps LIMIT 1"))
        if not asked["steps"]:
            return "the traces record no steps"
    return None


def _is_recorded(store: Rows, need: str) -> bool:
    if need in RECORDED:
        aggregate = RECORDED[need]
        rows = store.rows(f"SELECT 1 FROM {facts_sql([aggregate])} GROUP BY trace_id HAVING {aggregate} LIMIT 1")
    else:
        table, column = need.split(".")
        rows = store.rows(f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL LIMIT 1")
    return bool(rows)


def measure(
    store: Rows,
    behaviour: Behaviour,
    first_steps: Mapping[str, int],
    recorded: MutableMapping[str, bool] | None = None,
) -> Measured:
    """Count a behaviour and, where the data allow it, contrast it. A detector whose SQL fails is named, not raised.

    `recorded` keeps which parts the traces record for further behaviours of the same store.
    """
    sql = cells_sql(behaviour, first_steps)
    try:
        missing = unrecorded(store, behaviour, recorded)
        if missing is not None:
            return _uncounted(behaviour, "not applicable", missing, sql)
        counts = store.rows(counts_sql(behaviour))[0]
        shown = (int(counts[0]), int(counts[1]), int(counts[2]), int(counts[3]))
        if counts[4] == 0:
            return _uncounted(behaviour, "not applicable", "it applies to none of these attempts", sql)
        if counts[5] == 0:
            return Measured(behaviour, "not seen", "no attempt shows it", *shown, None, sql, attempts=counts[4])
        contrasted = bool(counts[1] and counts[3])
        cells = cells_of(store.rows(sql)) if contrasted else []
    except InputError as error:
        return _uncounted(behaviour, "failed", str(error), sql)
    state, reason = _state(behaviour, shown)
    got = contrast(cells) if contrasted else None
    if state == "tested" and (got is None or got.p_value is None):
        left_out = bool(first_steps) and not any(cell.with_all for cell in cells)
        late = WHOLE_ATTEMPT if counts[6] else NOT_SO_EARLY
        state, reason = "described", late if left_out else NOTHING_VARIES
    return Measured(
        behaviour, state, reason, *shown, got, sql, whole=counts[6] > 0, attempts=counts[4], shown=counts[5]
    )


def _state(behaviour: Behaviour, counts: tuple[int, int, int, int]) -> tuple[State, str]:
    failures_with, failures, successes_with, successes = counts
    if behaviour.consequence:
        return "consequence", "it is a symptom of failing, not a cause"
    hindrances = {
        behaviour.untestable: bool(behaviour.untestable),
        "there are no failures": failures == 0,
        "there are no successes to compare with": successes == 0,
        f"there are fewer than {MIN_FAILURES} failures": failures < MIN_FAILURES,
        f"fewer than {MIN_WITH} attempts show it": failures_with + successes_with < MIN_WITH,
    }
    for reason, holds in hindrances.items():
        if holds:
            return "described", reason
    return "tested", ""


def _uncounted(behaviour: Behaviour, state: State, reason: str, sql: str) -> Measured:
    return Measured(behaviour, state, reason, 0, 0, 0, 0, None, sql)
