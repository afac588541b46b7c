"""Behaviours of agents that talk to a user between calls. Consent and refusal are read from English words alone."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import BEFORE, Shape

_CHAT = ("bool_or(responding)",)
_HEARD = f"last_value(CASE WHEN responding THEN {{}} END IGNORE NULLS) {BEFORE}"
_YES = "yes|confirm|proceed|go ahead|sure|correct|sounds good|please do|okay|absolutely"
_NO = (
    "unable to|cannot|can''t|not possible|not eligible|not allowed|not permitted|unfortunately|against (our|the) policy"
)
_SEVERAL = r"\b(both|all|them|these|those|each|every|reservations|changes)\b"
# Four turns of words alone: two questions and two answers would still be an ordinary start.
_TALK = 4

CHANGED_WITHOUT_CONSENT = Behaviour(
    name="changed_without_consent",
    title="Changes something without the user's explicit yes",
    meaning="A call that changes something was made while the user's last words held no agreement (yes, confirm,"
    " proceed, sure, ...).",
    shape=Shape(
        facts={"agreed": f"CASE WHEN responding THEN regexp_matches(lower(result), '{_YES}') END"},
        windows={"user_agreed": _HEARD.format("agreed")},
        where="acting AND changing AND NOT coalesce(user_agreed, false)",
        in_runs=_CHAT,
    ),
    remedies=("state_rules",),
)

CHANGED_AGAIN_UNASKED = Behaviour(
    name="changed_again_without_asking",
    title="Makes another change without asking again",
    meaning="A call that changes something after one that did, with no word to the user between them, where the"
    " user's last words did not speak of several (both, all, them, these, ...).",
    shape=Shape(
        facts={"several": f"CASE WHEN responding THEN regexp_matches(lower(result), '{_SEVERAL}') END"},
        windows={
            "user_said_several": _HEARD.format("several"),
            "change_before": f"max(CASE WHEN changed THEN step END) {BEFORE}",
            "words_before": f"max(CASE WHEN responding THEN step END) {BEFORE}",
        },
        where="acting AND changing AND change_before > coalesce(words_before, -1)"
        " AND NOT coalesce(user_said_several, false)",
        in_runs=_CHAT,
    ),
    remedies=("state_rules",),
)

NEVER_DECLINES = Behaviour(
    name="never_declines",
    title="Grants everything: never says that something is not possible",
    meaning="No reply to the user holds words of refusal (unable to, cannot, not eligible, unfortunately, ...).",
    shape=Shape(
        facts={"declining": f"responding AND coalesce(regexp_matches(lower(arguments), '{_NO}'), false)"},
        having="bool_or(declining)",
        value="NOT coalesce(held, false)",
        in_runs=_CHAT,
    ),
    remedies=("state_rules",),
)

TALKS_WITHOUT_CALLING = Behaviour(
    name="talks_without_calling",
    title="Talks on without calling a tool",
    meaning=f"{_TALK} replies to the user in a row with no tool call between them.",
    shape=Shape(
        windows={
            "replies": "count(*) FILTER (responding) OVER (PARTITION BY trace_id ORDER BY step"
            f" ROWS BETWEEN {_TALK - 1} PRECEDING AND CURRENT ROW)"
        },
        where=f"replies = {_TALK}",
        in_runs=_CHAT,
    ),
    remedies=("state_rules", "few_shot_examples"),
)

BEHAVIOURS = (CHANGED_WITHOUT_CONSENT, CHANGED_AGAIN_UNASKED, NEVER_DECLINES, TALKS_WITHOUT_CALLING)
