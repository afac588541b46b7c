"""Behaviours of actions that achieve nothing. A page or an output tells; nothing here guesses what was intended."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import Shape

_PAGE = ("steps.page_changed",)

ACTION_NO_EFFECT = Behaviour(
    name="action_no_effect",
    title="Acts without any effect on the page",
    meaning="An action ran without error and the page was the same afterwards.",
    needs=_PAGE,
    shape=Shape(where="page_changed = false AND error_type IS NULL AND acting"),
    remedies=("ban_no_effect", "show_element_state"),
)

NO_EFFECT_STREAK = Behaviour(
    name="no_effect_streak",
    title="Keeps acting without effect",
    meaning="Two actions in a row that left the page as it was, errors included.",
    needs=_PAGE,
    shape=Shape(
        windows={"any_change_before": "lag(coalesce(page_changed, error_type IS NULL)) OVER w"},
        where="coalesce(page_changed, error_type IS NULL) = false AND any_change_before = false"
        " AND error_type IS DISTINCT FROM 'blocked' AND NOT finishing",
    ),
    remedies=("ban_no_effect", "loop_guard", "show_element_state"),
)

EMPTY_RESULT = Behaviour(
    name="empty_result",
    title="Gets an empty result",
    meaning="A call came back without error and with nothing in it ('', [], {}, null).",
    needs=("steps.result",),
    shape=Shape(where="acting AND page_changed IS NULL AND error_type IS NULL AND empty"),
    remedies=("state_rules",),
)

EMPTY_RESULT_IGNORED = Behaviour(
    name="empty_result_ignored",
    title="Goes ahead on an empty result",
    meaning=(
        "A look-up came back empty or found nothing, without error, and the next step already changes something or ends"
        " the attempt."
    ),
    needs=("steps.result",),
    shape=Shape(
        windows={
            "next_decides": "lead(finishing OR (acting AND changing)) OVER w",
        },
        where="came_to_nothing AND error_type IS NULL AND page_changed IS NULL AND NOT changing AND next_decides",
    ),
    remedies=("state_rules", "done_check"),
)

GUARD_BLOCKED = Behaviour(
    name="guard_blocked",
    title="Is stopped by a guard of the harness",
    meaning="The harness refused an action (a repeat, a submit with empty fields, an early end).",
    shape=Shape(where="error_type = 'blocked'"),
    # The guard is there because the agent was already stuck.
    consequence=True,
)

BEHAVIOURS = (ACTION_NO_EFFECT, NO_EFFECT_STREAK, EMPTY_RESULT, EMPTY_RESULT_IGNORED, GUARD_BLOCKED)
