"""A failure held beside a success at the same task: where do they part? Only reads; the words are the trace's."""

from typing import Literal

from halo_opt.core.report_records import Beside, Exemplar
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.cells import literal
from halo_opt.mining.exemplars import excerpt
from halo_opt.store.protocols import Rows

# Words to a user differ from the first one on; that somebody was spoken to is what two attempts can have in common.
_DONE = (
    "CASE WHEN tool IS NULL THEN coalesce(reply, '') WHEN lower(tool) IN ('respond', 'think') THEN lower(tool)"
    " ELSE concat_ws(chr(31), tool, coalesce(arguments, ''), coalesce(target, '')) END"
)


def beside(store: Rows, behaviour: Behaviour, shown: Exemplar) -> Beside | None:
    """The success nearest to this failure that does not show the behaviour, and the step at which the two part; None
    where the task has no such success.
    """
    other = nearest(store, shown.trace_id, "success", without=f"SELECT trace_id FROM ({behaviour.sql}) WHERE value")
    step = None if other is None else parting(store, shown.trace_id, other)
    if other is None or step is None:
        return None
    [(seed,)] = store.rows(f"SELECT seed FROM attempts WHERE trace_id = {literal(other)}")
    return Beside(
        trace_id=other,
        seed=seed,
        step=step,
        here=excerpt(store, shown.trace_id, step),
        there=excerpt(store, other, step),
    )


def nearest(
    store: Rows, trace_id: str, outcome: Literal["success", "failure"], *, without: str | None = None
) -> str | None:
    """The attempt of this outcome at the same task that is nearest: same run, then same seed, then about as long.

    `without` is a SELECT of trace_ids that are left out. None where the task has no such attempt.
    """
    left = "" if without is None else f" AND a.trace_id NOT IN ({without})"
    rows = store.rows(
        f"WITH here AS (SELECT * FROM attempts WHERE trace_id = {literal(trace_id)})\n"
        "SELECT a.trace_id FROM attempts AS a JOIN here ON a.task_id = here.task_id"
        f" WHERE a.outcome = '{outcome}' AND a.trace_id <> here.trace_id{left}"
        " ORDER BY a.run_id <> here.run_id, a.seed IS DISTINCT FROM here.seed, abs(a.steps - here.steps), a.trace_id"
        " LIMIT 1"
    )
    return str(rows[0][0]) if rows else None


def parting(store: Rows, one: str, two: str) -> int | None:
    """The first step at which two attempts did not do the same, also by having ended; None where they never part."""
    [(step,)] = store.rows(
        f"WITH one AS (SELECT step, {_DONE} AS done FROM steps WHERE trace_id = {literal(one)}),\n"
        f"two AS (SELECT step, {_DONE} AS done FROM steps WHERE trace_id = {literal(two)})\n"
        "SELECT min(step) FROM one FULL JOIN two USING (step) WHERE one.done IS DISTINCT FROM two.done"
    )
    return None if step is None else int(step)
