"""The tool `diverge`: a failure and a success of one task side by side, from the step at which they differ."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, fit_texts, format_answer
from halo_opt.analysis.tools.querying import full_trace_id, scope_condition
from halo_opt.analysis.tools.steps_text import Step, step_text, steps_of
from halo_opt.core.errors import InputError
from halo_opt.mining.exemplars import first_difference, nearest_attempt
from halo_opt.mining.explanations import explained_by_findings

_BEFORE = 1


class DivergeArguments(Arguments):
    """An attempt, a task, or nothing."""

    trace_id: str | None = Field(
        default=None, description="a failure (or success) to compare with the nearest success (or failure)"
    )
    task: str | None = Field(
        default=None,
        description="task id; its failure with the fewest steps is taken. Without trace_id and task: a failure that"
        " no proven or shown finding explains, of the run with the most of these",
    )
    steps: int = Field(default=3, ge=1, le=20, description="steps to show from the first that differs")


def run(arguments: DivergeArguments, context: ToolContext) -> str:
    """Both attempts step by step, from the step before the first that differs."""
    one, chosen = _attempt(arguments, context)
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
    which = f"failure: {failure}\nsuccess: {success}{_runs(context, failure, success)}"
    if step is None:
        return format_answer(context, "both did the same at every step; only their outcomes differ", which)
    summary = f"a failure and a success of the same task; they first differ at step {step}{chosen}"
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


def _runs(context: ToolContext, failure: str, success: str) -> str:
    """The runs of both as a line of data; '' where it is one run."""
    runs = dict(
        context.store.rows("SELECT trace_id, run_id FROM attempts WHERE trace_id IN (?, ?)", [failure, success])
    )
    here, there = (cell_text(runs[trace_id], 120) for trace_id in (failure, success))
    return "" if here == there else f"\nthe failure is of run {here}, the success of run {there}"


def _attempt(arguments: DivergeArguments, context: ToolContext) -> tuple[str, str]:
    """The attempt to begin with, and how it was chosen where the model named none."""
    if arguments.trace_id is not None:
        return full_trace_id(context, arguments.trace_id), ""
    if arguments.task is None:
        return _unexplained(context)
    where, params = scope_condition(context, "a.trace_id")
    rows = context.store.rows(
        f"SELECT a.trace_id FROM attempts AS a WHERE a.task_id = ? AND a.outcome IN ('failure', 'success') AND {where}"
        f" ORDER BY a.outcome, {_HAS_SUCCESS} DESC, a.steps, a.trace_id LIMIT 1",
        [arguments.task, *params],
    )
    if not rows:
        raise ToolRefused(
            f"none of your attempts at this task is a failure or a success; {_similar(arguments.task, context)}"
        )
    return str(rows[0][0]), ""


_HAS_SUCCESS = "EXISTS (SELECT 1 FROM attempts AS s WHERE s.task_id = a.task_id AND s.outcome = 'success')"


def _unexplained(context: ToolContext) -> tuple[str, str]:
    """A short failure with a success at its task, of the largest group that no supported finding explains."""
    where, params = scope_condition(context, "a.trace_id")
    rows = context.store.rows(
        "SELECT trace_id, run_id, open, count(*) OVER (PARTITION BY open, run_id) AS alike FROM (SELECT a.*,"
        " a.trace_id IN (SELECT unnest(?::VARCHAR[])) AS open, EXISTS (SELECT 1 FROM attempts AS s WHERE s.task_id ="
        " a.task_id AND s.run_id = a.run_id AND s.outcome = 'success') AS beside FROM attempts AS a WHERE a.outcome ="
        f" 'failure' AND {_HAS_SUCCESS} AND {where}) ORDER BY open DESC, alike DESC, run_id, beside DESC, steps,"
        " trace_id LIMIT 8",
        [_without_explanation(context), *params],
    )
    if not rows:
        raise ToolRefused(
            "none of your failures has a success at the same task, so there is no pair; read failures with 'show', and"
            " ask with 'sql' what all of them share"
        )
    # Attempts that did the same show nothing side by side.
    trace_id, run_id, unexplained, alike = next((row for row in rows if _differs(context, str(row[0]))), rows[0])
    kind = "failures that no proven or shown finding explains" if unexplained else "failures"
    return str(trace_id), (
        f"; picked from {alike} {kind}, with a success at their task, of run {cell_text(run_id, 80)}; name trace_id or"
        " task for another pair"
    )


def _differs(context: ToolContext, failure: str) -> bool:
    success = nearest_attempt(context.store, failure, "success")
    return success is not None and first_difference(context.store, failure, success) is not None


def _without_explanation(context: ToolContext) -> list[str]:
    """The failures that no proven or shown finding explains. A report, and so its SQL, may come from anybody."""
    if context.report.triage_sql is None:
        return []
    explained = explained_by_findings(context.report)
    unsure = "class = 'unexplained'" + (" OR level = 'suspected'" if explained else "")
    sql = f"SELECT trace_id FROM ({context.report.triage_sql}) AS t WHERE {unsure} ORDER BY trace_id"
    try:
        return [str(trace_id) for (trace_id,) in context.guarded.rows(sql)]
    except InputError:
        return []


def _similar(task: str, context: ToolContext) -> str:
    """Some tasks whose ids hold this text."""
    rows = context.store.rows(
        "SELECT DISTINCT task_id FROM attempts WHERE contains(task_id, ?) ORDER BY task_id LIMIT 4", [task]
    )
    found = [cell_text(task_id, 80) for (task_id,) in rows]
    return f"tasks whose ids hold it: {', '.join(found)}" if found else "'traces' lists task ids"


def _side_by_side(context: ToolContext, traces: tuple[str, str], steps: range, most: int) -> list[str]:
    pairs: list[tuple[str, Step | None]] = []
    failure, success = (steps_of(context, trace, steps[0], steps[-1]) for trace in traces)
    here, there = {step["step"]: step for step in failure}, {step["step"]: step for step in success}
    for number in (number for number in steps if number in here or number in there):
        for pair in (("failure", here.get(number)), ("success", there.get(number))):
            # That one has ended is said once.
            if pair[1] is not None or pair not in pairs:
                pairs.append(pair)

    def text(pair: tuple[str, Step | None], clip: int) -> str:
        name, shown = pair
        return f"{name}: {step_text(shown, clip) if shown is not None else 'has ended'}"

    return fit_texts(pairs, text, most)[0]


TOOL = Tool(
    "diverge",
    "a failure and a success of the same task side by side, from the first step at which they differ; without arguments"
    " it picks the pair",
    DivergeArguments,
    run,
)
