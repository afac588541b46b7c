"""Behaviours of calls that fail and of what the agent does about it. The error itself is as the trace tells it."""

from halo_opt.mining.behaviour import ACTING, FINISHING, Behaviour, first_step

_MALFORMED = (
    "error_type IN ('format', 'unknown_action', 'unknown_target', 'not_applicable', 'invalid_arguments',"
    " 'invalid_action')"
)
_FAILED = "error_type IS NOT NULL AND error_type <> 'blocked'"

INVALID_ACTION = Behaviour(
    name="invalid_action",
    title="Gives an action that cannot be carried out",
    meaning="The reply could not be read, or named an unknown action or target, or one that does not fit, or wrong"
    " arguments.",
    sql=first_step(where=_MALFORMED),
    remedies=("constrain_targets", "applicable_actions", "few_shot_examples", "retry_invalid"),
)

OUTPUT_FORMAT = Behaviour(
    name="output_format",
    title="Does not answer in the asked format",
    meaning="No action could be read from the reply.",
    sql=first_step(where="error_type = 'format'"),
    remedies=("few_shot_examples", "retry_invalid", "lower_temperature"),
)

UNKNOWN_ACTION = Behaviour(
    name="unknown_action",
    title="Names a tool or action that does not exist",
    meaning="The reply asked for an action that the harness does not offer.",
    sql=first_step(where="error_type = 'unknown_action'"),
    remedies=("few_shot_examples", "constrain_targets", "retry_invalid"),
)

UNKNOWN_TARGET = Behaviour(
    name="unknown_target",
    title="Aims at something that is not there",
    meaning="The action's target (a reference or label) is not on the page.",
    sql=first_step(where="error_type = 'unknown_target'"),
    remedies=("constrain_targets", "address_by_label"),
)

NOT_APPLICABLE = Behaviour(
    name="not_applicable_action",
    title="Uses an action that does not fit its target",
    meaning="The target exists but cannot take this action, such as filling a button.",
    sql=first_step(where="error_type = 'not_applicable'"),
    remedies=("applicable_actions", "show_element_state", "few_shot_examples"),
)

TOOL_ERROR = Behaviour(
    name="tool_error",
    title="A tool call fails",
    meaning="A call ran and came back with an error.",
    sql=first_step(where="error_type IN ('tool_error', 'execution')"),
    remedies=("retry_invalid", "state_rules"),
)

TIMED_OUT = Behaviour(
    name="call_timed_out",
    title="A tool call times out",
    meaning="A call came back with an error that speaks of a timeout.",
    sql=first_step(where="error_type IS NOT NULL AND regexp_matches(lower(error), 'timed out|time-?out')"),
    remedies=("state_rules",),
)

FENCED = Behaviour(
    name="fenced_command",
    title="Wraps the command in a code fence",
    meaning="The arguments of a call begin with ``` as if they were prose; the fence is passed on to the tool.",
    sql=first_step(where="tool IS NOT NULL AND lower(tool) <> 'respond' AND starts_with(ltrim(arguments), '```')"),
    remedies=("few_shot_examples", "state_rules"),
)

SEVERAL_ERRORS = Behaviour(
    name="several_errors",
    title="Makes three errors or more",
    meaning="At least three steps of the attempt ended in an error of any kind.",
    sql=first_step(
        columns=f"count(*) FILTER ({_FAILED}) OVER (PARTITION BY trace_id ORDER BY step) AS errors",
        where=f"{_FAILED} AND errors >= 3",
    ),
    remedies=("retry_invalid", "few_shot_examples"),
)

ERROR_THEN_SAME = Behaviour(
    name="error_then_same_action",
    title="Repeats an action that just failed",
    meaning="A step ended in an error and the next step does exactly the same.",
    sql=first_step(
        columns=f"lag(action) OVER w AS action_before, lag({_FAILED}) OVER w AS failed_before",
        where="failed_before AND action = action_before AND error_type IS DISTINCT FROM 'blocked'",
    ),
    remedies=("retry_invalid", "loop_guard", "show_history"),
)

FINISHED_ON_ERROR = Behaviour(
    name="finished_on_error",
    title="Finishes right after an error",
    meaning="The agent's last action before it ended the attempt (done, submit, ...) came back with an error.",
    sql=first_step(
        columns=f"lag({_FAILED}) OVER w AS failed_before",
        where=f"{FINISHING} AND failed_before",
    ),
    remedies=("retry_invalid", "done_check"),
)

ERRORS_IGNORED = Behaviour(
    name="errors_ignored",
    title="Leaves a failed call as it is",
    meaning="A tool's last call in the attempt failed: it was never made good by a later call of the same tool.",
    sql=first_step(
        columns="row_number() OVER (PARTITION BY trace_id, tool ORDER BY step DESC) AS from_last",
        where=f"{ACTING} AND {_FAILED} AND from_last = 1",
    ),
    remedies=("retry_invalid", "state_rules"),
)

BEHAVIOURS = (
    INVALID_ACTION,
    OUTPUT_FORMAT,
    UNKNOWN_ACTION,
    UNKNOWN_TARGET,
    NOT_APPLICABLE,
    TOOL_ERROR,
    TIMED_OUT,
    FENCED,
    SEVERAL_ERRORS,
    ERROR_THEN_SAME,
    FINISHED_ON_ERROR,
    ERRORS_IGNORED,
)
