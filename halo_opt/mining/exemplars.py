"""Attempts to look at, with the text of the step that shows a behaviour, and the nearest success at the same task."""

from typing import Any, Literal

from halo_opt.core.report_records import Beside, Exemplar
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.measure import literal
from halo_opt.store.protocols import Rows

HOW_MANY = 3
HEAD = 160


def pick(store: Rows, behaviour: Behaviour, *, outcome: Literal["failure", "success"]) -> list[Exemplar]:
    """Up to three attempts of one outcome that show the behaviour: of different tasks, typical, and short to read.

    Typical and short: nearest to the lower quartile of steps among those that show it.
    """
    rows = store.rows(
        f"WITH behaviour AS ({behaviour.sql}),\nshown AS (SELECT trace_id, task_id, seed, step,"
        " abs(steps - quantile_cont(steps, 0.25) OVER ()) AS far"
        f" FROM behaviour JOIN attempts USING (trace_id) WHERE value AND outcome = '{outcome}')\n"
        "SELECT trace_id, task_id, seed, step FROM shown ORDER BY row_number() OVER (PARTITION BY task_id ORDER BY"
        f" far, trace_id), far, trace_id LIMIT {HOW_MANY}"
    )
    return [
        Exemplar(trace_id=trace, task_id=task, seed=seed, step=step, excerpt=excerpt(store, trace, step))
        for trace, task, seed, step in rows
    ]


def excerpt(store: Rows, trace_id: str, step: int | None) -> str:
    """The words of one step, or of the last one where the behaviour is of the whole attempt; '' without such a step."""
    rows = store.rows(excerpt_sql(trace_id, step))
    return words_of(rows[0]) if rows else ""


def excerpt_sql(trace_id: str, step: int | None) -> str:
    """SQL of the one step row that `words_of` reads."""
    place = "" if step is None else f" AND step = {int(step)}"
    return (
        "SELECT step, tool, arguments, target, error, result, observation, reply FROM steps WHERE trace_id ="
        f" {literal(trace_id)}{place} ORDER BY step DESC LIMIT 1"
    )


def words_of(row: tuple[Any, ...]) -> str:
    """One line of a step: what was done to what, the error, what came back, what had been seen."""
    step, tool, arguments, target, error, result, observation, reply = row
    done = f"{tool} {_head(arguments)}".strip() if tool else f"reply {_head(reply)!r}"
    parts = [f"step {step}: {done}"]
    parts += [f"{name}: {_head(text)}" for name, text in (("target", target), ("error", error)) if text]
    if result is not None and not error:
        parts.append(f"result: {_head(result) or '(empty)'}")
    if observation:
        parts.append(f"seen before: {_head(observation)}")
    return " | ".join(parts)


def _head(text: str | None) -> str:
    """The first words on one line, cut where they get long."""
    line = " ".join((text or "")[: 4 * HEAD].split())
    return line if len(line) <= HEAD else line[: HEAD - 1] + "…"


_CALL = "concat_ws(chr(31), tool, coalesce(arguments, ''), coalesce(target, ''))"
# What a step did: all its calls, or its one action where no calls are stored. Messages to a user always differ in
# wording, so of those only the fact that a message was sent is compared.
_DONE = (
    "SELECT step, CASE WHEN tool IS NULL THEN coalesce(reply, '') WHEN lower(tool) IN ('respond', 'think') THEN"
    f" lower(tool) ELSE coalesce(calls, {_CALL}) END AS done FROM steps LEFT JOIN (SELECT trace_id, step,"
    f" string_agg({_CALL}, chr(30) ORDER BY position) AS calls FROM tool_calls WHERE trace_id = {{0}} GROUP BY"
    " trace_id, step) USING (trace_id, step) WHERE trace_id = {0}"
)


def nearest_success(store: Rows, behaviour: Behaviour, shown: Exemplar) -> Beside | None:
    """The success nearest to a failure that does not show the behaviour, and the first step at which the two differ.

    None where the task has no such success.
    """
    other = nearest_attempt(
        store, shown.trace_id, "success", without=f"SELECT trace_id FROM ({behaviour.sql}) WHERE value"
    )
    step = None if other is None else first_difference(store, shown.trace_id, other)
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


def nearest_attempt(
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


def first_difference(store: Rows, one: str, two: str) -> int | None:
    """The first step at which two attempts did not do the same or one had ended; None where they are the same."""
    [(step,)] = store.rows(
        f"WITH one AS ({_DONE.format(literal(one))}),\ntwo AS ({_DONE.format(literal(two))})\n"
        "SELECT min(step) FROM one FULL JOIN two USING (step) WHERE one.done IS DISTINCT FROM two.done"
    )
    return None if step is None else int(step)
