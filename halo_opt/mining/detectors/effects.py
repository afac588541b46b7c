"""Behaviours of actions that achieve nothing. A page or an output tells; nothing here guesses what was intended."""

from halo_opt.mining.behaviour import ACTING, FINISHING, Behaviour, first_step

_PAGE = ("steps.page_changed",)
# Long enough to be a habit, short enough to happen within small step limits.
IDLE_STEPS = 3

ACTION_NO_EFFECT = Behaviour(
    name="action_no_effect",
    title="Acts without any effect on the page",
    meaning="An action ran without error and the page was the same afterwards.",
    needs=_PAGE,
    sql=first_step(where=f"page_changed = false AND error_type IS NULL AND {ACTING}", needs=_PAGE),
    remedies=("ban_no_effect", "show_element_state"),
)

NO_EFFECT_STREAK = Behaviour(
    name="no_effect_streak",
    title="Keeps acting without effect",
    meaning="Two actions in a row that left the page as it was, errors included.",
    needs=_PAGE,
    sql=first_step(
        columns="lag(coalesce(page_changed, error_type IS NULL)) OVER w AS changed_before",
        where="coalesce(page_changed, error_type IS NULL) = false AND changed_before = false"
        f" AND error_type IS DISTINCT FROM 'blocked' AND NOT coalesce({FINISHING}, false)",
        needs=_PAGE,
    ),
    remedies=("ban_no_effect", "loop_guard", "show_element_state"),
)

_LOOKING = (
    "(lower(tool) IN ('think', 'wait', 'noop', 'skip', 'scroll')"
    r" OR regexp_matches(arguments, '^\s*\"?(ls|pwd|cd|cat|echo|head|help|man|which|tree)\b[^|;&>]*$'))"
)

LONG_IDLE_START = Behaviour(
    name="long_idle_start",
    title="Gets nothing done in its first steps",
    meaning=f"Each of the first {IDLE_STEPS} steps failed, changed nothing, or only looked around"
    " (scroll, wait, think, ls, cat, ...).",
    sql=first_step(
        columns=f"bool_and(coalesce(error_type IS NOT NULL OR page_changed = false OR {_LOOKING}, false))"
        " OVER (PARTITION BY trace_id ORDER BY step) AS idle_so_far",
        where=f"step = {IDLE_STEPS - 1} AND idle_so_far",
    ),
    remedies=("few_shot_examples", "state_rules", "compact_observation"),
)

EMPTY_RESULT = Behaviour(
    name="empty_result",
    title="Gets an empty result",
    meaning="A call came back without error and with nothing in it ('', [], {}, null).",
    needs=("steps.result",),
    sql=first_step(
        where=f"{ACTING} AND page_changed IS NULL AND error_type IS NULL"
        " AND trim(coalesce(result, 'unknown')) IN ('', '[]', '{}', 'null', 'None')",
        needs=("steps.result",),
    ),
    remedies=("state_rules",),
)

GUARD_BLOCKED = Behaviour(
    name="guard_blocked",
    title="Is stopped by a guard of the harness",
    meaning="The harness refused an action (a repeat, a submit with empty fields, an early end).",
    sql=first_step(where="error_type = 'blocked'"),
    # The guard is there because the agent was already stuck.
    consequence=True,
)

BEHAVIOURS = (ACTION_NO_EFFECT, NO_EFFECT_STREAK, LONG_IDLE_START, EMPTY_RESULT, GUARD_BLOCKED)
