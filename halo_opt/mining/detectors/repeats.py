"""Behaviours of an agent that goes round in circles. A step that the harness blocked is never counted as a repeat."""

from halo_opt.mining.behaviour import ACTING, Behaviour, first_step

# 0.92 lets a changed flag or number through and still tells a new idea apart from the old one.
ALIKE = 0.92
_TEXT = (
    "(left(ltrim(arguments), 1) NOT IN ('{', '[') OR"
    r" regexp_matches(arguments, '^\s*\{\s*\"(command|cmd|code|script|query|input)\"'))"
)
_RAN = "error_type IS DISTINCT FROM 'blocked'"

REPEATED_ACTION = Behaviour(
    name="repeated_action",
    title="Repeats the action that it just did",
    meaning="The same tool, arguments and target twice in a row, where the first did not change the page (or no page).",
    sql=first_step(
        columns="lag(action) OVER w AS action_before, lag(page_changed) OVER w AS changed_before",
        where=f"{ACTING} AND {_RAN} AND action = action_before AND changed_before IS NOT TRUE",
    ),
    remedies=("loop_guard", "ban_no_effect", "show_history"),
)

REPEATED_CALL = Behaviour(
    name="repeated_call",
    title="Makes a call again that it made before",
    meaning=(
        "The same tool, arguments and target as any earlier step, and (where pages are shown) on the same observation."
    ),
    sql=first_step(
        columns="row_number() OVER (PARTITION BY trace_id, action,"
        " CASE WHEN page_changed IS NULL THEN '' ELSE observation END ORDER BY step) AS times",
        where=f"{ACTING} AND {_RAN} AND times > 1",
    ),
    remedies=("show_history", "loop_guard"),
)

THIRD_TIME = Behaviour(
    name="same_action_three_times",
    title="Does the same action three times or more",
    meaning="One tool, arguments and target at least three times in the attempt, wherever they stand.",
    sql=first_step(
        columns="row_number() OVER (PARTITION BY trace_id, action ORDER BY step) AS times",
        where=f"{ACTING} AND {_RAN} AND times >= 3",
    ),
    remedies=("loop_guard", "show_history"),
)

OSCILLATION = Behaviour(
    name="oscillation",
    title="Swings between two actions (A, B, A, B)",
    meaning="Four steps in a row that are A, B, A, B with A and B different.",
    sql=first_step(
        columns="lag(action, 1) OVER w AS back1, lag(action, 2) OVER w AS back2, lag(action, 3) OVER w AS back3",
        where=f"{ACTING} AND action = back2 AND back1 = back3 AND action <> back1",
    ),
    remedies=("loop_guard", "show_history"),
)

NEAR_REPEAT = Behaviour(
    name="near_repeat",
    title="Tries nearly the same call three times in a row",
    meaning=f"Three commands or queries to one tool in a row, each alike to the one before (Jaro-Winkler over {ALIKE})"
    " but not equal.",
    sql=first_step(
        columns="lag(tool, 1) OVER w AS tool1, lag(tool, 2) OVER w AS tool2,"
        " lag(arguments, 1) OVER w AS arguments1, lag(arguments, 2) OVER w AS arguments2",
        # Commands and queries only: records looked up one by one under their keys are alike and not repeats.
        where=f"{ACTING} AND tool = tool1 AND tool = tool2 AND length(arguments) >= 20 AND {_TEXT}"
        " AND arguments <> arguments1 AND arguments1 <> arguments2"
        f" AND jaro_winkler_similarity(left(arguments, 1000), left(arguments1, 1000)) > {ALIKE}"
        f" AND jaro_winkler_similarity(left(arguments1, 1000), left(arguments2, 1000)) > {ALIKE}",
    ),
    remedies=("show_history",),
)

SAME_RESULT = Behaviour(
    name="same_result_again",
    title="Gets the same result three times in a row",
    meaning="Three calls in a row, equal or not, came back without error and with the same words (not empty, no page).",
    needs=("steps.result",),
    sql=first_step(
        columns="lag(result, 1) OVER w AS result1, lag(result, 2) OVER w AS result2",
        where=f"{ACTING} AND {_RAN} AND page_changed IS NULL AND error_type IS NULL AND trim(result) <> ''"
        " AND result = result1 AND result = result2",
        needs=("steps.result",),
    ),
    remedies=("show_history", "loop_guard"),
)

BEHAVIOURS = (REPEATED_ACTION, REPEATED_CALL, THIRD_TIME, OSCILLATION, NEAR_REPEAT, SAME_RESULT)
