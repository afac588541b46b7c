"""Behaviours of what the agent runs on: the model's provider and the environment. Words of errors and replies tell.

An attempt that ended in an `error` was not a measurement and is not looked at here; these are the ones that were scored
all the same.
"""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import Shape

# The whole reply declines: what an agent declines by a policy of its work, it names, and it goes on talking.
_REFUSING = (
    r"(?is)^\s*(i(''m| am) (very )?sorry[,.]?( but)? |unfortunately,? )?i( (can(no|'')t|can not|won''t)|(''m| am)"
    r" (unable|not able)"
    r" to) (assist|help|comply|fulfil|continue|engage|provide)( you)?( with)?( that| this| the)?( request|"
    r" task)?[.!]?\s*$"
    r"|\bas an ai( language)? model\b|against my (guidelines|programming|ethic)"
    r"|violates? (our|the|my|openai''s) (content|usage|safety) polic"
)
_FILTERED = (
    r"(?i)content[ _](filter|management polic)|responsible ?ai|safety (system|settings)|flagged (as|by|for)|\brefusal\b"
)

PROVIDER_REFUSAL = Behaviour(
    name="provider_refusal",
    title="The model refuses to work on the task",
    meaning=(
        "A reply declines to help at all (I cannot assist with that, as an AI model, ...), or a call of the model"
        " failed"
        " by a content filter."
    ),
    shape=Shape(
        facts={
            "refusing": (
                f"coalesce(regexp_matches(left(coalesce(said, reply), 600), '{_REFUSING}'), false)"
                f" OR coalesce(NOT acting AND regexp_matches(complaint, '{_FILTERED}'), false)"
            )
        },
        where="refusing",
    ),
    fault="model",
    remedies=("state_rules",),
)

_PROVIDER = (
    r"(?i)rate.?limit|too many requests|\b(429|529|503|502)\b|overloaded|service unavailable|insufficient_quota"
    r"|quota exceeded"
    r"|api ?connection ?error|internal server error|bad gateway|apierror|apitimeout"
)

PROVIDER_ERROR = Behaviour(
    name="provider_error",
    title="The model's provider fails",
    meaning=(
        "A step without a call of a tool failed with words of a provider in trouble (rate limit, overloaded, 503, ...)."
    ),
    shape=Shape(
        facts={"provider_failing": f"coalesce(NOT acting AND regexp_matches(complaint, '{_PROVIDER}'), false)"},
        where="provider_failing",
    ),
    fault="infrastructure",
)

_DEAD = (
    r"(?i)(target|page|browser|context)( page, context or browser)? (has been |was |is )?(closed|crashed|disconnected)"
    r"|connection (was |is )?(refused|reset|aborted|closed)|econn(refused|reset|aborted)|broken pipe|no space left"
    r" on device"
    r"|out of memory|\boom(-| )?kill|cannot allocate memory|container .{0,60}(not running|exited|is dead|stopped"
    r"|not found)"
    r"|cannot connect to the docker daemon|session (has )?(been )?(closed|terminated|expired|not created)|net::err_"
    r"|temporary failure in name resolution|chrome not reachable"
)

ENVIRONMENT_DIED = Behaviour(
    name="environment_died",
    title="The environment dies under the agent",
    meaning=(
        "A call failed with words of an environment that is gone (browser closed, connection refused, container not"
        " running, out of memory, no space left, ...), in an attempt that was scored all the same."
    ),
    shape=Shape(
        facts={"environment_gone": f"acting AND coalesce(regexp_matches(complaint, '{_DEAD}'), false)"},
        where="environment_gone",
    ),
    fault="infrastructure",
)

NO_STEPS = Behaviour(
    name="no_steps",
    title="Is scored without a single step",
    meaning="The attempt has an outcome and no step at all.",
    needs=("attempts.steps",),
    shape=Shape(value="a.steps = 0"),
    fault="infrastructure",
    consequence=True,
)

BEHAVIOURS = (PROVIDER_REFUSAL, PROVIDER_ERROR, ENVIRONMENT_DIED, NO_STEPS)
