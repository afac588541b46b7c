"""A failure held beside a success at the same task: where do they part? Only reads; the words are the trace's."""

from halo_opt.mining.behaviour import Behaviour, Rows
from halo_opt.mining.cells import literal
from halo_opt.mining.exemplars import excerpt
from halo_opt.report_records import Beside, Exemplar

# Words to a user differ from the first one on; that somebody was spoken to is what two attempts can have in common.
_DONE = (
    "CASE WHEN tool IS NULL THEN coalesce(reply, '') WHEN lower(tool) IN ('respond', 'think') THEN lower(tool)"
    " ELSE concat_ws(chr(31), tool, coalesce(arguments, ''), coalesce(target, '')) END"
)


def beside(store: Rows, behaviour: Behaviour, shown: Exemplar) -> Beside | None:
    """The success nearest to this failure (same run, then same seed, then about as long) that does not show the
    behaviour, and the step at which the two part; None where the task has no such success.
    """
    rows = store.rows(
        f"WITH behaviour AS ({behaviour.sql}),\n"
        f"here AS (SELECT * FROM attempts WHERE trace_id = {literal(shown.trace_id)})\n"
        "SELECT a.trace_id, a.seed FROM attempts AS a JOIN here ON a.task_id = here.task_id"
        " WHERE a.outcome = 'success' AND a.trace_id NOT IN (SELECT trace_id FROM behaviour WHERE value)"
        " ORDER BY a.run_id <> here.run_id, a.seed IS DISTINCT FROM here.seed, abs(a.steps - here.steps), a.trace_id"
        " LIMIT 1"
    )
    if not rows:
        return None
    other, seed = str(rows[0][0]), rows[0][1]
    step = parting(store, shown.trace_id, other)
    if step is None:
        return None
    return Beside(
        trace_id=other,
        seed=seed,
        step=step,
        here=excerpt(store, shown.trace_id, step),
        there=excerpt(store, other, step),
    )


def parting(store: Rows, one: str, two: str) -> int | None:
    """The first step at which two attempts did not do the same, also by having ended; None where they never part."""
    [(step,)] = store.rows(
        f"WITH one AS (SELECT step, {_DONE} AS done FROM steps WHERE trace_id = {literal(one)}),\n"
        f"two AS (SELECT step, {_DONE} AS done FROM steps WHERE trace_id = {literal(two)})\n"
        "SELECT min(step) FROM one FULL JOIN two USING (step) WHERE one.done IS DISTINCT FROM two.done"
    )
    return None if step is None else int(step)
