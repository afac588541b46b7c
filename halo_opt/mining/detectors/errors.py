"""Behaviours of calls that fail and of what the agent does about it. The error itself is as the trace tells it."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import SO_FAR, Shape

# Failures in a row that no longer look like trying something else.
STORM = 4
_FAILED_BEFORE = {"failed1": "lag(failed) OVER w"}

INVALID_ACTION = Behaviour(
    name="invalid_action",
    title="Gives an action that cannot be carried out",
    meaning="The reply could not be read, or named an unknown action or target, or one that does not fit, or wrong"
    " arguments.",
    shape=Shape(where="malformed"),
    remedies=("constrain_targets", "applicable_actions", "few_shot_examples", "retry_invalid"),
)

UNKNOWN_ACTION = Behaviour(
    name="unknown_action",
    title="Names a tool or action that does not exist",
    meaning="The reply asked for an action that the harness does not offer.",
    shape=Shape(where="error_type = 'unknown_action'"),
    remedies=("few_shot_examples", "constrain_targets", "retry_invalid"),
)

_UNAVAILABLE = (
    r"(?i)unknown (tool|function|action|command)|no such (tool|function)|(tool|function) \S{1,60} (is )?(not (found|"
    r"available|exist|defined|supported)|does not exist)|is not a (valid|known|recognized) (tool|function|command"
    r"|action)"
    r"|command not found|not recognized as an internal|invalid (tool|function) name|no tool named|executable file"
    r" not found"
)

UNAVAILABLE_TOOL = Behaviour(
    name="unavailable_tool",
    title="Calls a tool or program that is not there",
    meaning="A call failed with words that say so (command not found, unknown tool, no such function, ...).",
    shape=Shape(
        facts={"not_there": f"coalesce(regexp_matches(complaint, '{_UNAVAILABLE}'), false)"},
        where="not_there AND error_type <> 'unknown_action'",
    ),
    remedies=("state_rules", "constrain_targets", "few_shot_examples"),
)

UNKNOWN_TARGET = Behaviour(
    name="unknown_target",
    title="Aims at something that is not there",
    meaning="The action's target (a reference or label) is not on the page.",
    shape=Shape(where="error_type = 'unknown_target'"),
    remedies=("constrain_targets", "address_by_label"),
)

_STALE = (
    r"(?i)stale ?element|not attached to the|detached from|is detached|no longer (on the page|exists|attached|available"
    r"|in the dom|visible|present)|node (is|was) (detached|removed)|element was removed"
)

STALE_ELEMENT = Behaviour(
    name="stale_element",
    title="Uses an element that has gone",
    meaning=(
        "A call failed with words that its element is stale, detached or no longer there, or its target is unknown"
        " though the same call had worked before in the attempt."
    ),
    shape=Shape(
        facts={
            "stale": f"coalesce(regexp_matches(complaint, '{_STALE}'), false)",
            "worked": "acting AND error_type IS NULL",
        },
        windows={
            "worked_before": "bool_or(worked) OVER (PARTITION BY trace_id, call_key ORDER BY step"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        },
        where="stale OR (error_type = 'unknown_target' AND worked_before)",
    ),
    remedies=("constrain_targets", "address_by_label", "show_element_state"),
)

NOT_APPLICABLE = Behaviour(
    name="not_applicable_action",
    title="Uses an action that does not fit its target",
    meaning="The target exists but cannot take this action, such as filling a button.",
    shape=Shape(where="error_type = 'not_applicable'"),
    remedies=("applicable_actions", "show_element_state", "few_shot_examples"),
)

_MALFORMED = (
    r"(?i)missing (\d+ )?(required )?(positional |keyword-only )?(argument|parameter|field|operand|propert)|unexpected"
    r" keyword argument|(invalid|illegal|unrecognized|unknown|unsupported) (argument|parameter|option|predicate"
    r"|json|type)"
    r"|validation error|is a required property|field required|not valid json|takes \d+ positional|jsondecodeerror|"
    r"malformed|too many arguments|extra operand|option requires an argument|syntax error|unexpected (token|eof|end of)"
)

MALFORMED_ARGUMENTS = Behaviour(
    name="malformed_arguments",
    title="Calls a tool with malformed arguments",
    meaning=(
        "A call failed because of its arguments (missing or unknown argument, invalid option, validation or syntax"
        " error), or they begin like JSON and are none."
    ),
    shape=Shape(
        facts={
            "ill_formed": "coalesce(error_type = 'invalid_arguments' OR regexp_matches(complaint,"
            f" '{_MALFORMED}'), false)",
            "broken_json": (
                "coalesce(acting AND NOT shell AND left(ltrim(arguments), 2) IN ('{\"', '[{')"
                " AND NOT json_valid(arguments), false)"
            ),
        },
        where="ill_formed OR broken_json",
    ),
    remedies=("few_shot_examples", "retry_invalid", "applicable_actions"),
)

TOOL_ERROR = Behaviour(
    name="tool_error",
    title="A tool call fails",
    meaning="A call ran and came back with an error.",
    shape=Shape(where="acting AND failed AND NOT malformed"),
    remedies=("retry_invalid", "state_rules"),
)

TIMED_OUT = Behaviour(
    name="call_timed_out",
    title="A tool call times out",
    meaning="A call came back with an error that speaks of a timeout.",
    shape=Shape(
        facts={"timed_out": "coalesce(regexp_matches(complaint, '(?i)timed out|time-?out'), false)"}, where="timed_out"
    ),
    remedies=("state_rules",),
)

SEVERAL_ERRORS = Behaviour(
    name="several_errors",
    title="Makes three errors or more",
    meaning="At least three steps of the attempt ended in an error of any kind.",
    shape=Shape(
        windows={"failures_so_far": f"count(*) FILTER (failed) {SO_FAR}"}, where="failed AND failures_so_far >= 3"
    ),
    remedies=("retry_invalid", "few_shot_examples"),
)

RETRY_STORM = Behaviour(
    name="retry_storm",
    title=f"Fails {STORM} times in a row",
    meaning=f"{STORM} steps in a row ended in an error of any kind.",
    shape=Shape(
        windows={
            "failed1": "lag(failed) OVER w",
            "failed2": "lag(failed, 2) OVER w",
            "failed3": "lag(failed, 3) OVER w",
        },
        where="failed AND failed1 AND failed2 AND failed3",
    ),
    remedies=("retry_invalid", "loop_guard", "state_rules"),
)

ERROR_THEN_SAME = Behaviour(
    name="error_then_same_action",
    title="Repeats an action that just failed",
    meaning="A step ended in an error and the next step does exactly the same.",
    shape=Shape(
        windows={**_FAILED_BEFORE, "key_before": "lag(action_key) OVER w"},
        where="failed1 AND action_key = key_before AND error_type IS DISTINCT FROM 'blocked'",
    ),
    remedies=("retry_invalid", "loop_guard", "show_history"),
)

FINISHED_ON_ERROR = Behaviour(
    name="finished_on_error",
    title="Finishes right after an error",
    meaning="The agent's last action before it ended the attempt (done, submit, ...) came back with an error.",
    shape=Shape(windows=_FAILED_BEFORE, where="finishing AND failed1"),
    remedies=("retry_invalid", "done_check"),
)

ERRORS_IGNORED = Behaviour(
    name="errors_ignored",
    title="Leaves a failed call as it is",
    meaning="A tool's last call in the attempt failed: it was never made good by a later call of the same tool.",
    shape=Shape(
        windows={"from_last": "row_number() OVER (PARTITION BY trace_id, tool ORDER BY step DESC)"},
        where="acting AND failed AND from_last = 1",
    ),
    remedies=("retry_invalid", "state_rules"),
)

_SAYS_FAILED = (
    r"(?i)\"(success|ok|succeeded)\"\s*:\s*(false|\"false\"|0\b)|\"status\"\s*:\s*\"?(fail|error|4\d\d|5\d\d)"
    r"|\"error\"\s*:\s*(\"[^\"]|\{\s*\")|^\s*(error|failed|failure|exception|fatal)\b|^traceback \(most recent"
)

FAILURE_IN_RESULT_IGNORED = Behaviour(
    name="failure_in_result_ignored",
    title="Passes over a result that says that it failed",
    meaning=(
        "A call came back with words of failure (success: false, status: error, Traceback, ...) that the trace does not"
        " mark as an error, and the same tool or program was not tried again."
    ),
    needs=("steps.result",),
    shape=Shape(
        facts={
            "says_failed": (
                f"acting AND error_type IS NULL AND coalesce(regexp_matches(left(result, 1000), '{_SAYS_FAILED}'),"
                f" false)"
            )
        },
        windows={"head_from_last": "row_number() OVER (PARTITION BY trace_id, head ORDER BY step DESC)"},
        where="says_failed AND head_from_last = 1",
    ),
    remedies=("retry_invalid", "state_rules"),
)

BEHAVIOURS = (
    INVALID_ACTION,
    UNKNOWN_ACTION,
    UNAVAILABLE_TOOL,
    UNKNOWN_TARGET,
    STALE_ELEMENT,
    NOT_APPLICABLE,
    MALFORMED_ARGUMENTS,
    TOOL_ERROR,
    TIMED_OUT,
    SEVERAL_ERRORS,
    RETRY_STORM,
    ERROR_THEN_SAME,
    FINISHED_ON_ERROR,
    ERRORS_IGNORED,
    FAILURE_IN_RESULT_IGNORED,
)
