"""Behaviours of how attempts end. None looks at the outcome: ending early is a matter of steps, not of failing."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import BEFORE, SO_FAR, WHOLE, Shape

# Steps of comparable attempts: of the same task where it was tried three times, else of the same run.
_TYPICAL = (
    "measured AS (SELECT * FROM attempts WHERE outcome IS DISTINCT FROM 'error'),\n"
    "by_task AS (SELECT run_id, task_id, median(steps) AS typical FROM measured GROUP BY run_id, task_id"
    " HAVING count(steps) >= 3),\n"
    "by_run AS (SELECT run_id, median(steps) AS typical FROM measured GROUP BY run_id),\n"
    "typical AS (SELECT m.trace_id, coalesce(t.typical, r.typical) AS typical\n"
    "  FROM measured AS m LEFT JOIN by_task AS t USING (run_id, task_id) LEFT JOIN by_run AS r USING (run_id))"
)
_TYPICAL_OF_A = "(SELECT typical FROM typical WHERE typical.trace_id = a.trace_id)"
_FORM = ("steps.submits", "steps.empty_fields")
_EFFECTIVE = f"count(*) FILTER (effective) {SO_FAR}"

FINISHED_WITHOUT_ACTING = Behaviour(
    name="finished_without_acting",
    title="Finishes without having done anything",
    meaning="The agent ended the attempt (done, submit, ...) before any action of its own had run and had an effect.",
    shape=Shape(
        windows={"effective_so_far": _EFFECTIVE},
        where="finishing AND error_type IS DISTINCT FROM 'blocked' AND effective_so_far = 0",
    ),
    remedies=("done_check", "few_shot_examples"),
)

FINISHED_AFTER_ONE = Behaviour(
    name="finished_after_one_action",
    title="Finishes after a single action",
    meaning=(
        "The agent ended the attempt (done, submit, ...) when just one action of its own had run and had an effect."
    ),
    shape=Shape(
        windows={"effective_so_far": _EFFECTIVE},
        where="finishing AND error_type IS DISTINCT FROM 'blocked' AND effective_so_far = 1",
    ),
    remedies=("state_rules", "done_check"),
)

SUBMITTED_BEFORE_FILLING = Behaviour(
    name="submitted_before_filling",
    title="Submits while fields are still empty",
    meaning="A submit-like control was used while editable fields of the page were empty or unselected.",
    needs=_FORM,
    shape=Shape(where="submits AND empty_fields > 0 AND error_type IS NULL"),
    remedies=("submit_check", "show_element_state", "state_rules"),
)

FINISHED_WITH_OPEN_ITEMS = Behaviour(
    name="finished_with_open_items",
    title="Ends with its own list of things to do unfinished",
    meaning=(
        "The last to-do list or plan that the agent wrote down still holds open items (pending, in progress, [ ]). Only"
        " attempts with such a list count."
    ),
    shape=Shape(
        facts={
            "listing": "coalesce(regexp_matches(tool_word, 'to_?do|update_plan|task_list|checklist'), false)",
            "left_open": (
                r"CASE WHEN listing THEN regexp_matches(arguments, '(?i)\"status\"\s*:\s*\"(pending|in_progress"
                r"|open|todo)"
                r"\"|[-*]\s*\[ \]') END"
            ),
        },
        windows={"last_list": f"max(CASE WHEN listing THEN step END) {WHOLE}"},
        where="left_open AND step = last_list",
        among="bool_or(listing)",
    ),
    remedies=("done_check", "state_rules"),
)

EARLY_STOP = Behaviour(
    name="early_stop",
    title="Stops much earlier than usual",
    meaning="The agent ended the attempt itself in at most half of the steps that attempts at the task usually take"
    " (median; of the run where the task was tried less than three times).",
    needs=("attempts.steps",),
    shape=Shape(
        before=_TYPICAL,
        having="bool_or(finishing OR handing_over)",
        value=f"(coalesce(a.end_reason = 'done', false) OR held) AND a.steps <= {_TYPICAL_OF_A} / 2",
    ),
    remedies=("done_check", "state_rules"),
)

LONG_ATTEMPT = Behaviour(
    name="long_attempt",
    title="Takes much longer than usual",
    meaning=(
        "More than one and a half times the steps that attempts at the task usually take (median; of the run"
        " where the task was tried less than three times)."
    ),
    needs=("attempts.steps",),
    shape=Shape(before=_TYPICAL, value=f"a.steps > 1.5 * {_TYPICAL_OF_A}"),
    # Whatever goes wrong takes steps: length shows that, not why.
    consequence=True,
)

GAVE_UP = Behaviour(
    name="gave_up",
    title="Hands the task over or gives up",
    meaning="A tool was called that transfers, escalates or gives up.",
    shape=Shape(where="handing_over"),
    remedies=("state_rules",),
)

GAVE_UP_AFTER_ERROR = Behaviour(
    name="gave_up_after_error",
    title="Gives up after an error",
    meaning="A tool was called that transfers, escalates or gives up, and a step before it had failed.",
    shape=Shape(
        windows={"errors_so_far": f"count(*) FILTER (error_type IS NOT NULL) {SO_FAR}"},
        where="handing_over AND errors_so_far > 0",
    ),
    remedies=("retry_invalid", "state_rules"),
)

_GIVING_UP = (
    r"(?i)\b(i give up|i(''m| am) (unable|not able) to|i (was|were) (unable|not able) to|i (cannot|can''t|can not"
    r"|couldn''t"
    r"|could not) (complete|finish|find|do|proceed|access|fulfil|locate|determine|solve)|(task|this) (is|seems)"
    r" (impossible"
    r"|infeasible|not possible))"
)

GAVE_UP_IN_WORDS = Behaviour(
    name="gave_up_in_words",
    title="Ends by saying that it could not do it",
    meaning="The agent's last words say that it could not (unable to, cannot complete, give up, impossible, ...).",
    shape=Shape(
        facts={"giving_up": f"coalesce(regexp_matches(said, '{_GIVING_UP}'), false)"},
        windows={"last_said": f"max(CASE WHEN saying THEN step END) {WHOLE}"},
        where="giving_up AND step = last_said",
        in_runs=("bool_or(saying)",),
    ),
    remedies=("state_rules", "retry_invalid"),
)

_SUCCESS_CLAIM = (
    r"(?i)\b(success(fully)?|(has|have) (now )?been|(is|are) now|all (done|set)|i(''ve| have) (now |successfully"
    r" )*(booked"
    r"|cancel+ed|updated|fixed|created|completed|added|removed|changed|sent|submitted|processed|issued|finished))\b"
)
_NO_SUCCESS = (
    r"(?i)\b(unable|cannot|can''t|could ?n[o'']t|not been|unsuccessful|failed|fails|errors?|unfortunately|issue|problem"
    r"|apologi[sz]e|sorry|however)\b"
)

CLAIMED_SUCCESS_AFTER_ERROR = Behaviour(
    name="claimed_success_after_error",
    title="Reports success after a failed call",
    meaning="The last call before it had failed, and the agent's words speak of success and of no trouble at all.",
    shape=Shape(
        facts={
            "claiming": f"coalesce(regexp_matches(said, '{_SUCCESS_CLAIM}')"
            f" AND NOT regexp_matches(said, '{_NO_SUCCESS}'), false)"
        },
        windows={"last_failed": f"last_value(CASE WHEN acting THEN failed END IGNORE NULLS) {BEFORE}"},
        where="claiming AND last_failed",
        in_runs=("bool_or(saying)",),
    ),
    remedies=("retry_invalid", "done_check", "state_rules"),
)

_CHANGE_CLAIM = (
    r"(?i)\b(i(''ve| have) (now |just |also |successfully )*|(has|have) (now |just |also |successfully )*been"
    r" (successfully )?)"
    r"(booked|cancel+ed|updated|changed|modified|created|deleted|removed|added|sent|submitted|processed|refunded|saved|paid"
    r"|ordered|upgraded|downgraded|exchanged|returned|fixed)\b"
)

CLAIMED_CHANGE_NEVER_MADE = Behaviour(
    name="claimed_change_never_made",
    title="Says that it changed something and has changed nothing",
    meaning=(
        "The agent's words say that something has been booked, changed, sent, ... while no call of the attempt that"
        " changes anything had succeeded. Only runs in which such calls occur count."
    ),
    shape=Shape(
        # What is said to hold once, if or after something is not said to have been done.
        facts={
            "claims_change": "coalesce(regexp_matches(regexp_replace(said,"
            rf" '(?i)\b(once|if|after|when|until|unless|as)\b[^.!?,\n]*', '', 'g'), '{_CHANGE_CLAIM}'), false)"
        },
        windows={"changes_so_far": f"count(*) FILTER (changed) {SO_FAR}"},
        where="claims_change AND changes_so_far = 0 AND NOT handing_over",
        in_runs=("bool_or(changed)", "bool_or(saying)"),
    ),
    remedies=("state_rules", "done_check"),
)

BEHAVIOURS = (
    FINISHED_WITHOUT_ACTING,
    FINISHED_AFTER_ONE,
    SUBMITTED_BEFORE_FILLING,
    FINISHED_WITH_OPEN_ITEMS,
    EARLY_STOP,
    LONG_ATTEMPT,
    GAVE_UP,
    GAVE_UP_AFTER_ERROR,
    GAVE_UP_IN_WORDS,
    CLAIMED_SUCCESS_AFTER_ERROR,
    CLAIMED_CHANGE_NEVER_MADE,
)
