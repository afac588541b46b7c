"""The tool `diverge`: a failure and a success of one task side by side, from the step at which they differ."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import bytes_left, fit_texts, format_answer
from halo_opt.analysis.tools.querying import full_trace_id, scope_condition
from halo_opt.analysis.tools.steps_text import Step, step_text, steps_of
from halo_opt.mining.exemplars import first_difference, nearest_attempt

_BEFORE = 1


class DivergeArguments(Arguments):
    """An attempt, or a task."""

    trace_id: str | None = Field(
        default=None, description="a failure (or success) to compare with the nearest success (or failure)"
    )
    task: str | None = Field(default=None, description="task id; its failure with the fewest steps is taken")
    steps: int = Field(default=3, ge=1, le=20, description="steps to show from the first that differs")


def run(arguments: DivergeArguments, context: ToolContext) -> str:
    """Both attempts step by step, from the step before the first that differs."""
    one = _attempt(arguments, context)
    [(outcome,)] = context.store.rows("SELECT outcome FROM attempts WHERE trace_id = ?", [one])
    if outcome not in ("failure", "success"):
        raise ToolRefused("this attempt is neither a failure nor a success; name another")
    other = nearest_attempt(context.store, one, "success" if outcome == "failure" else "failure")
    if other is None:
        raise ToolRefused(
            f"its task has no {'success' if outcome == 'failure' else 'failure'} to compare it with; 'overview'"
            " says how many tasks have both"
        )
    failure, success = (one, other) if outcome == "failure" else (other, one)
    step = first_difference(context.store, failure, success)
    which = f"failure: {failure}\nsuccess: {success}"
    if step is None:
        return format_answer(context, "both did the same at every step; only their outcomes differ", which)
    summary = f"a failure and a success of the same task; they first differ at step {step}"
    first = max(0, step - _BEFORE)
    sides = _side_by_side(
        context, (failure, success), range(first, step + arguments.steps), bytes_left(context, summary, which) - 160
    )
    return format_answer(
        context,
        summary,
        "\n".join([which, *sides]),
        "'show' has the other steps of both",
        remedy="ask with fewer steps",
    )


def _attempt(arguments: DivergeArguments, context: ToolContext) -> str:
    if (arguments.trace_id is None) == (arguments.task is None):
        raise ToolRefused("give either trace_id or task, one of them")
    if arguments.trace_id is not None:
        return full_trace_id(context, arguments.trace_id)
    where, params = scope_condition(context, "a.trace_id")
    rows = context.store.rows(
        f"SELECT a.trace_id FROM attempts AS a WHERE a.task_id = ? AND a.outcome IN ('failure', 'success') AND {where}"
        " ORDER BY a.outcome, EXISTS (SELECT 1 FROM attempts AS s WHERE s.task_id = a.task_id"
        " AND s.outcome = 'success') DESC, a.steps, a.trace_id LIMIT 1",
        [arguments.task, *params],
    )
    if not rows:
        raise ToolRefused("none of your attempts at this task is a failure or a success; 'traces' lists task ids")
    return str(rows[0][0])


def _side_by_side(context: ToolContext, traces: tuple[str, str], steps: range, most: int) -> list[str]:
    pairs: list[tuple[str, Step | None]] = []
    failure, success = (steps_of(context, trace, steps[0], steps[-1]) for trace in traces)
    here, there = {step["step"]: step for step in failure}, {step["step"]: step for step in success}
    for number in steps:
        if number in here or number in there:
            pairs += [("failure", here.get(number)), ("success", there.get(number))]

    def text(pair: tuple[str, Step | None], clip: int) -> str:
        name, shown = pair
        return f"{name}: {step_text(shown, clip) if shown is not None else 'has ended'}"

    return fit_texts(pairs, text, most)[0]


TOOL = Tool(
    "diverge",
    "a failure and a success of the same task side by side, from the first step at which they differ",
    DivergeArguments,
    run,
)
