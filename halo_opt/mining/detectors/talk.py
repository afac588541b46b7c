"""Behaviours of agents that talk to a user between calls. Consent and refusal are read from English words alone."""

from halo_opt.mining.behaviour import ACTING, CHANGING, Behaviour, first_step, whole_attempt

_CHAT = "a.run_id IN (SELECT t.run_id FROM attempts AS t JOIN steps USING (trace_id) WHERE tool = 'respond')"
_CHANGE = f"coalesce(({ACTING}) AND ({CHANGING}), false)"
_SAID = "last_value(CASE WHEN tool = 'respond' THEN result END IGNORE NULLS) OVER"
_BEFORE = "(PARTITION BY trace_id ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
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
    sql=first_step(
        columns=f"{_SAID} {_BEFORE} AS user_said",
        where=f"{_CHANGE} AND NOT coalesce(regexp_matches(lower(user_said), '{_YES}'), false)",
        applies=_CHAT,
    ),
    remedies=("state_rules",),
)

CHANGED_AGAIN_UNASKED = Behaviour(
    name="changed_again_without_asking",
    title="Makes another change without asking again",
    meaning="Two calls that change something, failed ones included, with no word to the user between them, where the"
    " user's last words did not speak of several (both, all, them, these, ...).",
    sql=first_step(
        columns=f"{_SAID} {_BEFORE} AS user_said,"
        f" max(CASE WHEN {_CHANGE} THEN step END) OVER {_BEFORE} AS change_before,"
        f" max(CASE WHEN tool = 'respond' THEN step END) OVER {_BEFORE} AS words_before",
        where=f"{_CHANGE} AND change_before > coalesce(words_before, -1)"
        f" AND NOT coalesce(regexp_matches(lower(user_said), '{_SEVERAL}'), false)",
        applies=_CHAT,
    ),
    remedies=("state_rules",),
)

NEVER_DECLINES = Behaviour(
    name="never_declines",
    title="Grants everything: never says that something is not possible",
    meaning="No reply to the user holds words of refusal (unable to, cannot, not eligible, unfortunately, ...).",
    sql=whole_attempt(
        value="a.trace_id NOT IN (SELECT trace_id FROM steps WHERE tool = 'respond'"
        f" AND regexp_matches(lower(arguments), '{_NO}'))",
        applies=_CHAT,
    ),
    remedies=("state_rules",),
)

TALKS_WITHOUT_CALLING = Behaviour(
    name="talks_without_calling",
    title="Talks on without calling a tool",
    meaning=f"{_TALK} replies to the user in a row with no tool call between them.",
    sql=first_step(
        columns="count(*) FILTER (tool = 'respond') OVER (PARTITION BY trace_id ORDER BY step"
        f" ROWS BETWEEN {_TALK - 1} PRECEDING AND CURRENT ROW) AS replies",
        where=f"replies = {_TALK}",
        applies=_CHAT,
    ),
    remedies=("state_rules", "few_shot_examples"),
)

BEHAVIOURS = (CHANGED_WITHOUT_CONSENT, CHANGED_AGAIN_UNASKED, NEVER_DECLINES, TALKS_WITHOUT_CALLING)
