"""Behaviours of agents that change records or files: what they look at before and after. Verbs in tool names tell."""

from halo_opt.mining.behaviour import ACTING, CHANGING, Behaviour, first_step, whole_attempt

_CHANGED = f"({ACTING}) AND ({CHANGING}) AND error_type IS NULL"
# Only where the run has calls that change something can leaving it undone be a behaviour.
_CAN_CHANGE = f"a.run_id IN (SELECT t.run_id FROM attempts AS t JOIN steps USING (trace_id) WHERE {_CHANGED})"
_HAS_CHANGED = f"a.trace_id IN (SELECT trace_id FROM steps WHERE {_CHANGED})"

NO_VERIFICATION = Behaviour(
    name="no_verification",
    title="Does not look at what it changed",
    meaning=(
        "After the last successful change (update, book, write, rm, ...) no call reads anything back. Only"
        " attempts that"
        " changed something count."
    ),
    sql=first_step(
        columns=f"last_value(CASE WHEN {ACTING} AND error_type IS NULL THEN step END IGNORE NULLS) OVER"
        " (PARTITION BY trace_id ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_call",
        where=f"{_CHANGED} AND step = last_call",
        applies=_HAS_CHANGED,
    ),
    remedies=("state_rules",),
)

CHANGED_BEFORE_LOOKING = Behaviour(
    name="changed_before_looking",
    title="Changes something before looking at anything",
    meaning="The first call of the attempt already changes something. Only attempts that changed something count.",
    sql=first_step(
        columns=f"count(*) FILTER (({ACTING}) AND error_type IS NULL) OVER w AS calls",
        where=f"{_CHANGED} AND calls = 1",
        applies=_HAS_CHANGED,
    ),
    remedies=("state_rules",),
)

NOTHING_CHANGED = Behaviour(
    name="nothing_changed",
    title="Ends without having changed anything",
    meaning=(
        "No call that changes something (update, book, cancel, write, ...) succeeded. Only runs in which such"
        " calls occur"
        " count."
    ),
    sql=whole_attempt(value=f"NOT ({_HAS_CHANGED})", applies=_CAN_CHANGE),
    remedies=("state_rules",),
)

BEHAVIOURS = (NO_VERIFICATION, CHANGED_BEFORE_LOOKING, NOTHING_CHANGED)
