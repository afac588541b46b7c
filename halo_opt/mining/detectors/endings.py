"""Behaviours of how attempts end. None looks at the outcome: ending early is a matter of steps, not of failing."""

from halo_opt.mining.behaviour import ACTING, FINISHING, HANDING_OVER, Behaviour, first_step, whole_attempt

# Steps of comparable attempts: of the same task where it was tried three times, else of the same run.
_TYPICAL = (
    "measured AS (SELECT * FROM attempts WHERE outcome IS DISTINCT FROM 'error'),\n"
    "by_task AS (SELECT task_id, median(steps) AS typical FROM measured GROUP BY task_id HAVING count(steps) >= 3),\n"
    "by_run AS (SELECT run_id, median(steps) AS typical FROM measured GROUP BY run_id),\n"
    "typical AS (SELECT m.trace_id, coalesce(t.typical, r.typical) AS typical\n"
    "  FROM measured AS m LEFT JOIN by_task AS t USING (task_id) LEFT JOIN by_run AS r ON r.run_id = m.run_id)"
)
_TYPICAL_OF_A = "(SELECT typical FROM typical WHERE typical.trace_id = a.trace_id)"
_ENDED_ITSELF = (
    f"(a.end_reason = 'done' OR a.trace_id IN (SELECT trace_id FROM steps WHERE {FINISHING} OR {HANDING_OVER}))"
)
_FORM = ("steps.submits", "steps.empty_fields")

FINISHED_WITHOUT_ACTING = Behaviour(
    name="finished_without_acting",
    title="Finishes without having done anything",
    meaning="The agent ended the attempt (done, submit, ...) before any action of its own had run and had an effect.",
    sql=first_step(
        columns=f"count(*) FILTER ({ACTING} AND error_type IS NULL AND page_changed IS DISTINCT FROM false)"
        " OVER (PARTITION BY trace_id ORDER BY step) AS effective",
        where=f"{FINISHING} AND error_type IS DISTINCT FROM 'blocked' AND effective = 0",
    ),
    remedies=("done_check", "few_shot_examples"),
)

FINISHED_AFTER_ONE = Behaviour(
    name="finished_after_one_action",
    title="Finishes after a single action",
    meaning=(
        "The agent ended the attempt (done, submit, ...) when just one action of its own had run and had an effect."
    ),
    sql=first_step(
        columns=f"count(*) FILTER ({ACTING} AND error_type IS NULL AND page_changed IS DISTINCT FROM false)"
        " OVER (PARTITION BY trace_id ORDER BY step) AS effective",
        where=f"{FINISHING} AND error_type IS DISTINCT FROM 'blocked' AND effective = 1",
    ),
    remedies=("state_rules", "done_check"),
)

SUBMITTED_BEFORE_FILLING = Behaviour(
    name="submitted_before_filling",
    title="Submits while fields are still empty",
    meaning="A submit-like control was used while editable fields of the page were empty or unselected.",
    needs=_FORM,
    sql=first_step(where="submits AND empty_fields > 0 AND error_type IS NULL", needs=_FORM),
    remedies=("submit_check", "show_element_state", "state_rules"),
)

HIT_STEP_LIMIT = Behaviour(
    name="hit_step_limit",
    title="Runs into the step limit",
    meaning="The attempt used all the steps it was allowed and did not end by itself.",
    needs=("attempts.step_limit",),
    sql=whole_attempt(
        value="coalesce(a.end_reason = 'step_limit', a.steps >= a.step_limit)", needs=("attempts.step_limit",)
    ),
    remedies=("raise_step_limit",),
    consequence=True,
)

EARLY_STOP = Behaviour(
    name="early_stop",
    title="Stops much earlier than usual",
    meaning="The agent ended the attempt itself in at most half of the steps that attempts at the task usually take"
    " (median; of the run where the task was tried less than three times).",
    needs=("attempts.steps",),
    sql=whole_attempt(
        before=_TYPICAL, value=f"{_ENDED_ITSELF} AND a.steps <= {_TYPICAL_OF_A} / 2", needs=("attempts.steps",)
    ),
    remedies=("done_check", "state_rules"),
)

LONG_ATTEMPT = Behaviour(
    name="long_attempt",
    title="Takes much longer than usual",
    meaning=(
        "More than one and a half times the steps that attempts at the task usually take (median; of the run"
        " where the"
        " task was tried less than three times)."
    ),
    needs=("attempts.steps",),
    sql=whole_attempt(before=_TYPICAL, value=f"a.steps > 1.5 * {_TYPICAL_OF_A}", needs=("attempts.steps",)),
    # Whatever goes wrong takes steps: length shows that, not why.
    consequence=True,
)

GAVE_UP = Behaviour(
    name="gave_up",
    title="Hands the task over or gives up",
    meaning="A tool was called that transfers, escalates or gives up.",
    sql=first_step(where=HANDING_OVER),
    remedies=("state_rules",),
)

GAVE_UP_AFTER_ERROR = Behaviour(
    name="gave_up_after_error",
    title="Gives up after an error",
    meaning="A tool was called that transfers, escalates or gives up, and a step before it had failed.",
    sql=first_step(
        columns="count(*) FILTER (error_type IS NOT NULL) OVER (PARTITION BY trace_id ORDER BY step) AS errors",
        where=f"{HANDING_OVER} AND errors > 0",
    ),
    remedies=("retry_invalid", "state_rules"),
)

BEHAVIOURS = (
    FINISHED_WITHOUT_ACTING,
    FINISHED_AFTER_ONE,
    SUBMITTED_BEFORE_FILLING,
    HIT_STEP_LIMIT,
    EARLY_STOP,
    LONG_ATTEMPT,
    GAVE_UP,
    GAVE_UP_AFTER_ERROR,
)
