"""The tool `diverge`: a failure and a success of one task side by side, from where they part. Only reads."""

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, fitted, room
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.querying import seen, seen_trace
from halo_opt.analysis.tools.steps_text import Step, step_text, steps_of
from halo_opt.mining.beside import nearest, parting

_BEFORE = 1


class DivergeArguments(Arguments):
    """An attempt, or a task."""

    trace_id: str | None = Field(default=None, description="a failure (or a success) to hold the nearest other beside")
    task: str | None = Field(default=None, description="task id; its failure with the fewest steps is taken")
    steps: int = Field(default=3, ge=1, le=20, description="steps to show from where they part")


def run(asked: DivergeArguments, context: ToolContext) -> str:
    """Both attempts step by step from the one before they part."""
    one = _attempt(asked, context)
    [(outcome,)] = context.store.rows("SELECT outcome FROM attempts WHERE trace_id = ?", [one])
    if outcome not in ("failure", "success"):
        raise ToolRefused("this attempt was not measured; ask for a failure or a success")
    other = nearest(context.store, one, "success" if outcome == "failure" else "failure")
    if other is None:
        raise ToolRefused(
            f"its task has no {'success' if outcome == 'failure' else 'failure'} to hold beside it; 'overview'"
            " says how many tasks have both"
        )
    failure, success = (one, other) if outcome == "failure" else (other, one)
    step = parting(context.store, failure, success)
    which = f"failure: {failure}\nsuccess: {success}"
    if step is None:
        return answer(context, "they did the same at every step, so the verdict differs and not the work", which)
    said = f"a failure and a success of the same task, which first do something else at step {step}"
    first = max(0, step - _BEFORE)
    sides = _side_by_side(
        context, (failure, success), range(first, step + asked.steps), room(context, said, which) - 160
    )
    return answer(
        context,
        said,
        "\n".join([which, *sides]),
        "'show' has the rest of either",
        instead="ask with fewer steps",
    )


def _attempt(asked: DivergeArguments, context: ToolContext) -> str:
    if (asked.trace_id is None) == (asked.task is None):
        raise ToolRefused("give trace_id or task, one of them")
    if asked.trace_id is not None:
        return seen_trace(context, asked.trace_id)
    where, params = seen(context, "a.trace_id")
    rows = context.store.rows(
        f"SELECT a.trace_id FROM attempts AS a WHERE a.task_id = ? AND a.outcome IN ('failure', 'success') AND {where}"
        " ORDER BY a.outcome, EXISTS (SELECT 1 FROM attempts AS s WHERE s.task_id = a.task_id"
        " AND s.outcome = 'success') DESC, a.steps, a.trace_id LIMIT 1",
        [asked.task, *params],
    )
    if not rows:
        raise ToolRefused("there is no measured attempt at this task among yours; 'traces' lists task ids")
    return str(rows[0][0])


def _side_by_side(context: ToolContext, traces: tuple[str, str], steps: range, most: int) -> list[str]:
    pairs: list[tuple[str, Step | None]] = []
    here, there = ({s["step"]: s for s in steps_of(context, trace, steps[0], steps[-1])} for trace in traces)
    for number in steps:
        if number in here or number in there:
            pairs += [("failure", here.get(number)), ("success", there.get(number))]

    def text(pair: tuple[str, Step | None], clip: int) -> str:
        name, shown = pair
        return f"{name}: {step_text(shown, clip) if shown is not None else 'has ended'}"

    return fitted(pairs, text, most)[0]


TOOL = Tool(
    "diverge",
    "a failure and a success of the same task side by side, from the first step at which they did something else",
    DivergeArguments,
    run,
)
