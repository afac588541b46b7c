"""Failed calls of pydantic-ai's models: their kind, the wait before another try, and the error that the user reads."""

import math
import random

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelTimeoutError,
)

from halo_common.model_calls import Failure, FailureKind, error_message, failed_reply, wait_before_retry
from halo_opt.core.text import duration
from halo_opt.llm.endpoint import Endpoint, key_variable
from halo_opt.llm.model import (
    Completion,
    Fault,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)

_FIRST_WAIT_S = 1.0
# What was sent may have been answered and billed, although no whole answer came.
_MAYBE_BILLED = frozenset({"timeout", "cut off", "malformed"})
_TIMEOUTS = (TimeoutError, ModelTimeoutError, ModelRequestTimeout)
_FILTERED = {"content_filter", "content_policy_violation"}
_CLASSES: dict[Fault, type[ModelError]] = {
    "timeout": ModelUnreachable,
    "unreachable": ModelUnreachable,
    "cut off": ModelUnreachable,
    "too long": PromptTooLong,
    "refused": ModelRefused,
}
_TEXTS: dict[Fault, str] = {
    "timeout": "did not answer within {limit:g} seconds{times}; the server hangs or is overloaded, or the limit is too "
    "low",
    "unreachable": "cannot be reached{times}: {message}; start the server, or correct the address",
    "cut off": "broke off before its answer was complete{times}: {message}; try again, or look at the server's log",
    "too long": "cannot take a prompt this long ({message}); shorten it, or use a model with a longer context{times}",
    "refused": "did not answer: a content filter stopped the prompt ({message}); rephrase it, or use another "
    "model{times}",
    "rate limit": "refuses calls for now: too many requests ({message}); run fewer in parallel, or wait{wait}{times}",
    "server error": "answered with an error{status} ({message}){times}",
    "malformed": "gave no usable answer ({message}); check that the address is that of a model server{times}",
}
_REJECTED: tuple[tuple[type[Exception], str], ...] = (
    (ModelAuthenticationError, "refuses the key ({message}); check {key}{times}"),
    (
        ModelNotFoundError,
        "is not served there ({message}); check the model's name and that the address ends in /v1{times}",
    ),
    (ModelQuotaExceededError, "says that the quota is used up ({message}); add credit, or use another model{times}"),
    (ModelAPIError, "answered with an error{status} ({message}){times}"),
)


def failure_of(error: ModelAPIError | TimeoutError) -> Failure:
    """What a try that failed in this way means."""
    if isinstance(error, TimeoutError):
        return Failure("timeout")
    message = error_message(error.body or error.message)
    status = error.status_code if isinstance(error, ModelHTTPError) else None
    replied = Failure("rejected", message) if status is None else failed_reply(status, message)
    return Failure(_kind_of(error, replied.kind), message, status, error.retry_after)


def _kind_of(error: ModelAPIError, replied: FailureKind) -> FailureKind:
    """The kind by the error's class, else `replied`, that of the reply's status and message."""
    kind = replied
    if isinstance(error, _TIMEOUTS):
        kind = "timeout"
    elif isinstance(error, ModelConnectionError):
        kind = "unreachable" if error.phase in {"connect", "pool"} else "cut off"
    elif isinstance(error, ModelContextWindowExceededError) or replied == "too long":
        kind = "too long"
    elif error.provider_error_code in _FILTERED:
        kind = "refused"
    elif isinstance(error, ModelRateLimitError):
        kind = "rate limit"
    elif isinstance(error, ModelOverloadedError):
        kind = "server error"
    elif isinstance(error, ModelQuotaExceededError):
        kind = "rejected"
    elif type(error) is ModelAPIError and not error.in_stream:
        kind = "malformed"  # an answer without an error status, that the library could not read
    return kind


def may_retry(error: ModelAPIError | TimeoutError, tries: int, *, rng: random.Random) -> float | None:
    """Seconds to wait before the next try after `tries` of them, or None when another try cannot help or is not free.

    Rate limits, server errors and refused connections are tried again; a used-up quota and a call that timed out are
    not: the first does not pass, the second was already waited for. Nor is a call that was sent and not answered: it
    may be billed, so another try needs a reservation of its own. What the server asks for is kept; else the wait
    doubles from 1 s, with up to half as much again so that parallel callers do not return together.
    """
    failure = failure_of(error)
    if not failure.may_pass or failure.kind in _MAYBE_BILLED or isinstance(error, ModelQuotaExceededError):
        return None
    wait = wait_before_retry(failure, tries, first=_FIRST_WAIT_S, longest=math.inf)
    if failure.retry_after is not None:
        return max(0.0, wait)
    return wait * (1 + rng.random() / 2)


def explain(
    error: ModelAPIError | TimeoutError, endpoint: Endpoint, *, tries: int, timeout_s: float, begun: bool
) -> ModelError:
    """The error that the user reads; `begun` says that a part of the reply had come, so that it may be billed."""
    failure = failure_of(error)
    kind = failure.kind
    template = _TEXTS.get(kind) or next(text for of, text in _REJECTED if isinstance(error, of))
    sentence = template.format(
        message=failure.message,
        status=f" {failure.status}" if failure.status is not None else "",
        times="" if tries == 1 else f" ({tries} tries)",
        limit=timeout_s,
        wait=f" {duration(failure.retry_after)}, as it asks" if failure.retry_after else "",
        key=key_variable(endpoint.provider),
    )
    maybe_billed = begun or kind in _MAYBE_BILLED
    return _class_of(error, kind)(
        f"{endpoint.model} at {endpoint.base_url} {sentence}",
        spent=Completion(text="") if maybe_billed else None,
        repeatable=not begun and kind in {"cut off", "malformed"},
    )


def _class_of(error: ModelAPIError | TimeoutError, kind: Fault) -> type[ModelError]:
    if kind == "rate limit" or isinstance(error, ModelOverloadedError):
        return ModelBusy
    return _CLASSES.get(kind, ModelError)
