"""Attempts to look at: which ones, at which step, and what stands there. Only reads; the words are the trace's."""

from typing import Any, Literal

from halo_opt.core.report_records import Exemplar
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.cells import literal
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
