"""What a failed call means: its kind, whether another try may help, and the one sentence for the user. Pure."""

import random
import re

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

from halo_opt.core.text import duration
from halo_opt.llm.address import Endpoint, key_variable
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
_TIMEOUTS = (TimeoutError, ModelTimeoutError, ModelRequestTimeout)
# How servers that pydantic-ai does not recognise say it: llama.cpp, vLLM's newer forms, Anthropic's second form.
_TOO_LONG = re.compile(
    r"context (size|length|window|limit)|prompt is too long|maximum model length|input is too long|too many tokens",
    re.IGNORECASE,
)
_FILTERED = {"content_filter", "content_policy_violation"}
_CLASSES: dict[Fault, type[ModelError]] = {
    "timeout": ModelUnreachable,
    "unreachable": ModelUnreachable,
    "cut off": ModelUnreachable,
    "too long": PromptTooLong,
    "refused": ModelRefused,
}
_SAID: dict[Fault, str] = {
    "timeout": "did not answer within {limit:g} seconds{times}; the server hangs or is overloaded, or the limit is too "
    "low",
    "unreachable": "cannot be reached{times}: {words}; start the server, or correct the address",
    "cut off": "broke off before its answer was complete{times}: {words}; try again, or look at the server's log",
    "too long": "cannot read so long a prompt ({words}); shorten it, or use a model with a longer context{times}",
    "refused": "will not answer, a filter stopped the prompt ({words}); ask otherwise, or use another model{times}",
    "rate limit": "refuses for now: too many requests ({words}); ask less in parallel, or wait{wait}{times}",
    "server error": "answered with an error{status} ({words}){times}",
    "malformed": "gave no usable answer ({words}); check that the address is that of a model server{times}",
}
_REJECTED: tuple[tuple[type[Exception], str], ...] = (
    (ModelAuthenticationError, "refuses the key ({words}); check {key}{times}"),
    (
        ModelNotFoundError,
        "does not exist there ({words}); check the model's name and that the address ends in /v1{times}",
    ),
    (ModelQuotaExceededError, "says that the quota is used up ({words}); add credit, or use another model{times}"),
    (ModelAPIError, "answered with an error{status} ({words}){times}"),
)


def fault_of(error: ModelAPIError | TimeoutError) -> Fault:
    """The kind of a try that failed."""
    kind: Fault = "rejected"  # one of the request's own faults
    status = error.status_code if isinstance(error, ModelHTTPError) else None
    if isinstance(error, _TIMEOUTS):
        kind = "timeout"
    elif isinstance(error, ModelConnectionError):
        kind = "unreachable" if error.phase in {"connect", "pool"} else "cut off"
    elif _is_too_long(error):
        kind = "too long"
    elif error.provider_error_code in _FILTERED:
        kind = "refused"
    elif isinstance(error, ModelRateLimitError):
        kind = "rate limit"
    elif isinstance(error, ModelOverloadedError) or (status is not None and status >= 500):
        kind = "server error"
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
    passing = fault_of(error) in {"rate limit", "server error", "unreachable"} or (
        isinstance(error, ModelHTTPError) and error.status_code in {408, 409}
    )
    if not passing or isinstance(error, TimeoutError | ModelQuotaExceededError):
        return None
    if error.retry_after is not None:
        return max(0.0, error.retry_after)
    return float(_FIRST_WAIT_S * 2 ** (tries - 1) * (1 + rng.random() / 2))


def explain(
    error: ModelAPIError | TimeoutError, endpoint: Endpoint, *, tries: int, timeout_s: float, begun: bool
) -> ModelError:
    """The error that the user reads; `begun` says that a part of the reply had come, so that it may be billed."""
    kind = fault_of(error)
    said = _SAID.get(kind) or next(words for of, words in _REJECTED if isinstance(error, of))
    sentence = said.format(
        words="" if isinstance(error, TimeoutError) else _words(error),
        status=f" {error.status_code}" if isinstance(error, ModelHTTPError) else "",
        times="" if tries == 1 else f" ({tries} tries)",
        limit=timeout_s,
        wait="" if isinstance(error, TimeoutError) or not error.retry_after else _asked_for(error.retry_after),
        key=key_variable(endpoint.provider),
    )
    maybe_billed = begun or kind in {"timeout", "cut off", "malformed"}
    return _class_of(error, kind)(
        f"{endpoint.model} at {endpoint.base_url} {sentence}",
        spent=Completion(text="") if maybe_billed else None,
        again=not begun and kind in {"cut off", "malformed"},
    )


def _asked_for(seconds: float) -> str:
    return f" {duration(seconds)}, as it asks"


def _class_of(error: ModelAPIError | TimeoutError, kind: Fault) -> type[ModelError]:
    if kind == "rate limit" or isinstance(error, ModelOverloadedError):
        return ModelBusy
    return _CLASSES.get(kind, ModelError)


def _is_too_long(error: ModelAPIError | TimeoutError) -> bool:
    if isinstance(error, ModelContextWindowExceededError):
        return True
    if not isinstance(error, ModelHTTPError) or error.status_code in {401, 403, 404, 429}:
        return False
    return error.status_code == 413 or _TOO_LONG.search(_words(error)) is not None


def _words(error: ModelAPIError) -> str:
    """What the server said, as one line of at most 300 characters."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("error", body)
    if isinstance(body, dict):
        body = body.get("message", body)
    return " ".join(str(body or error.message).split())[:300]
