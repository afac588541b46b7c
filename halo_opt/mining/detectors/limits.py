"""Behaviours of running into limits, of attempts and of the model. Which limit is as the trace tells it."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import Shape

_TOLD = ("attempts.end_reason",)

HIT_STEP_LIMIT = Behaviour(
    name="hit_step_limit",
    title="Runs into the step limit",
    meaning="The attempt used all the steps it was allowed and did not end by itself.",
    needs=("attempts.step_limit",),
    shape=Shape(value="coalesce(a.end_reason = 'step_limit', a.steps >= a.step_limit)"),
    remedies=("raise_step_limit",),
    consequence=True,
)


def _limit(name: str, title: str, meaning: str, *reasons: str) -> Behaviour:
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    return Behaviour(
        name=name,
        title=title,
        meaning=meaning,
        needs=_TOLD,
        shape=Shape(value=f"a.end_reason IN ({listed})"),
        # A limit is how an attempt ends that goes on too long, never why it does.
        consequence=True,
    )


HIT_TIME_LIMIT = _limit("hit_time_limit", "Runs out of time", "The attempt was ended by its time limit.", "time_limit")
HIT_TOKEN_LIMIT = _limit(
    "hit_token_limit",
    "Runs out of tokens",
    "The attempt was ended by a limit of tokens, of the context or of the output.",
    "context_limit",
    "output_limit",
    "token_limit",
)
HIT_COST_LIMIT = _limit("hit_cost_limit", "Runs out of money", "The attempt was ended by its cost limit.", "cost_limit")
HIT_ERROR_LIMIT = _limit(
    "hit_error_limit", "Makes more errors than allowed", "The attempt was ended by its error limit.", "error_limit"
)

_OVERFLOW = (
    r"(?i)context[ _](length|window|size|limit)|maximum context|prompt is too long|too many tokens|input is too long"
    r"|exceeds? the (model''s )?(maximum|context|token)|token limit exceeded|reduce the length"
)

CONTEXT_OVERFLOW = Behaviour(
    name="context_overflow",
    title="Overflows the model's context",
    meaning="A step failed with words of a context that is too long (context length, prompt is too long, ...), or the"
    " attempt ended by that.",
    shape=Shape(
        facts={"overflowing": f"coalesce(regexp_matches(complaint, '{_OVERFLOW}'), false)"},
        where="overflowing",
        value="first_step IS NOT NULL OR a.end_reason = 'context_limit'",
    ),
    remedies=("compact_observation",),
)

BEHAVIOURS = (
    HIT_STEP_LIMIT,
    HIT_TIME_LIMIT,
    HIT_TOKEN_LIMIT,
    HIT_COST_LIMIT,
    HIT_ERROR_LIMIT,
    CONTEXT_OVERFLOW,
)
