"""Behaviours of an agent that goes round in circles. A step that the harness blocked is never counted as a repeat."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import BEFORE, Shape

# 0.92 lets a changed flag or number through and still tells a new idea apart from the old one.
ALIKE = 0.92
_RAN = "error_type IS DISTINCT FROM 'blocked'"

REPEATED_ACTION = Behaviour(
    name="repeated_action",
    title="Repeats the action that it just did",
    meaning="The same tool, arguments and target twice in a row, where the first did not change the page (or no page).",
    shape=Shape(
        windows={"key_before": "lag(action_key) OVER w", "changed_before": "lag(page_changed) OVER w"},
        where=f"acting AND {_RAN} AND action_key = key_before AND changed_before IS NOT TRUE",
    ),
    remedies=("loop_guard", "ban_no_effect", "show_history"),
)

REPEATED_CALL = Behaviour(
    name="repeated_call",
    title="Makes a call again that it made before",
    meaning=(
        "The same tool, arguments and target as any earlier step, and (where pages are shown) on the same observation."
    ),
    shape=Shape(
        windows={"times_here": "row_number() OVER (PARTITION BY trace_id, action_key, page_key ORDER BY step)"},
        where=f"acting AND {_RAN} AND times_here > 1",
    ),
    remedies=("show_history", "loop_guard"),
)

THIRD_TIME = Behaviour(
    name="same_action_three_times",
    title="Does the same action three times or more",
    meaning="One tool, arguments and target at least three times in the attempt, wherever they stand.",
    shape=Shape(
        windows={"times": "row_number() OVER (PARTITION BY trace_id, action_key ORDER BY step)"},
        where=f"acting AND {_RAN} AND times >= 3",
    ),
    remedies=("loop_guard", "show_history"),
)

OSCILLATION = Behaviour(
    name="oscillation",
    title="Swings between two actions (A, B, A, B)",
    meaning="Four steps in a row that are A, B, A, B with A and B different.",
    shape=Shape(
        windows={
            "key_before": "lag(action_key) OVER w",
            "key_before2": "lag(action_key, 2) OVER w",
            "key_before3": "lag(action_key, 3) OVER w",
        },
        where="acting AND action_key = key_before2 AND key_before = key_before3 AND action_key <> key_before",
    ),
    remedies=("loop_guard", "show_history"),
)

NEAR_REPEAT = Behaviour(
    name="near_repeat",
    title="Tries nearly the same call three times in a row",
    meaning=f"Three commands or queries to one tool in a row, each alike to the one before (Jaro-Winkler over {ALIKE},"
    " of the first 300 characters) but not equal.",
    shape=Shape(
        # Commands and queries only: records looked up one by one under their keys are alike and not repeats.
        facts={
            "near_text": (
                "CASE WHEN acting AND length(arguments) >= 20 AND (left(ltrim(arguments), 1) NOT IN ('{', '[') OR"
                r" regexp_matches(left(arguments, 40), '^\s*\{\s*\"(command|cmd|code|script|query|input)\"'))"
                " THEN left(arguments, 300) END"
            )
        },
        windows={
            "tool_before": "lag(tool) OVER w",
            "tool_before2": "lag(tool, 2) OVER w",
            "near1": "lag(near_text) OVER w",
            "near2": "lag(near_text, 2) OVER w",
            "arguments1": "lag(arguments_key) OVER w",
            "arguments2": "lag(arguments_key, 2) OVER w",
        },
        where="tool = tool_before AND tool = tool_before2 AND arguments_key <> arguments1 AND arguments1 <> arguments2"
        f" AND jaro_winkler_similarity(near_text, near1) > {ALIKE}"
        f" AND jaro_winkler_similarity(near1, near2) > {ALIKE}",
    ),
    remedies=("show_history",),
)

SAME_RESULT = Behaviour(
    name="same_result_again",
    title="Gets the same result three times in a row",
    meaning="Three calls in a row, equal or not, came back without error and with the same words (not empty, no page).",
    needs=("steps.result",),
    shape=Shape(
        windows={"result1": "lag(result_key) OVER w", "result2": "lag(result_key, 2) OVER w"},
        where=f"acting AND {_RAN} AND page_changed IS NULL AND error_type IS NULL"
        " AND result_key = result1 AND result_key = result2",
    ),
    remedies=("show_history", "loop_guard"),
)

REDUNDANT_LOOK = Behaviour(
    name="redundant_look",
    title="Looks at the same thing again though nothing has changed",
    meaning=(
        "A call that only reads is made again, gives the same result, and no successful change stands between the two."
    ),
    needs=("steps.result",),
    shape=Shape(
        windows={
            "same_call_at": "lag(step) OVER (PARTITION BY trace_id, call_key ORDER BY step)",
            "same_call_gave": "lag(result_key) OVER (PARTITION BY trace_id, call_key ORDER BY step)",
            "change_before": f"max(CASE WHEN changed THEN step END) {BEFORE}",
        },
        where="acting AND NOT changing AND error_type IS NULL AND page_changed IS NULL AND result_key = same_call_gave"
        " AND coalesce(change_before < same_call_at, true)",
    ),
    remedies=("show_history", "state_rules"),
)

REPEATED_WORDS = Behaviour(
    name="repeated_words",
    title="Says the same thing to the user again",
    meaning="A reply to the user of at least 20 characters is word for word an earlier one.",
    shape=Shape(
        facts={"said_key": "CASE WHEN responding AND length(arguments) >= 20 THEN hash(lower(trim(arguments))) END"},
        windows={"times_said": "row_number() OVER (PARTITION BY trace_id, said_key ORDER BY step)"},
        where="said_key IS NOT NULL AND times_said > 1",
        in_runs=("bool_or(responding)",),
    ),
    remedies=("show_history", "state_rules"),
)

GUESSING_ENTITIES = Behaviour(
    name="guessing_entities",
    title="Tries one thing after another that is not there",
    meaning=(
        "Three look-ups by one tool in a row with different arguments, each of which failed, came back empty or found"
        " nothing. Commands of a shell are left out: there one name stands for every tool."
    ),
    shape=Shape(
        windows={
            "tool_before": "lag(tool) OVER w",
            "tool_before2": "lag(tool, 2) OVER w",
            "nothing1": "lag(came_to_nothing) OVER w",
            "nothing2": "lag(came_to_nothing, 2) OVER w",
            "arguments1": "lag(arguments_key) OVER w",
            "arguments2": "lag(arguments_key, 2) OVER w",
        },
        where="came_to_nothing AND nothing1 AND nothing2 AND tool = tool_before AND tool = tool_before2"
        " AND NOT shell AND NOT changing"
        " AND arguments_key <> arguments1 AND arguments1 <> arguments2 AND arguments_key <> arguments2",
    ),
    remedies=("state_rules", "show_history", "constrain_targets"),
)

BEHAVIOURS = (
    REPEATED_ACTION,
    REPEATED_CALL,
    THIRD_TIME,
    OSCILLATION,
    NEAR_REPEAT,
    SAME_RESULT,
    REDUNDANT_LOOK,
    REPEATED_WORDS,
    GUESSING_ENTITIES,
)
