"""What a failed call means: whether another try may help, and the one sentence for the user. Pure."""

import random

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelTimeoutError,
)

from halo_opt.llm.address import Endpoint, key_variable
from halo_opt.llm.model import Completion, ModelError, ModelUnreachable

_FIRST_WAIT_S = 1.0


def may_retry(error: ModelAPIError | TimeoutError, tries: int, *, rng: random.Random) -> float | None:
    """Seconds to wait before the next try after `tries` of them, or None when another try cannot help.

    Rate limits, server errors and cut connections are tried again; a used-up quota and a call that timed out are not:
    the first does not pass, the second was already waited for. What the server asks for is kept; else the wait doubles
    from 1 s, with up to half as much again so that parallel callers do not return together.
    """
    if isinstance(error, TimeoutError | ModelTimeoutError | ModelRequestTimeout | ModelQuotaExceededError):
        return None
    status = error.status_code if isinstance(error, ModelHTTPError) else None
    transient = isinstance(error, ModelRateLimitError | ModelConnectionError) or status in {408, 409, 429}
    if not transient and not (status is not None and status >= 500):
        return None
    if error.retry_after is not None:
        return max(0.0, error.retry_after)
    return float(_FIRST_WAIT_S * 2 ** (tries - 1) * (1 + rng.random() / 2))


def explain(error: ModelAPIError | TimeoutError, endpoint: Endpoint, *, tries: int, timeout_s: float) -> ModelError:
    """The error that the user reads."""
    where = f"{endpoint.model} at {endpoint.base_url}"
    times = "" if tries == 1 else f" ({tries} tries)"
    if isinstance(error, TimeoutError | ModelTimeoutError | ModelRequestTimeout):
        return ModelUnreachable(
            f"{where} did not answer within {timeout_s:g} seconds{times}; the server hangs or is overloaded, or the "
            "limit is too low",
            spent=Completion(text=""),
        )
    if isinstance(error, ModelConnectionError):
        sent = error.phase not in {"connect", "pool"}
        return ModelUnreachable(
            f"{where} cannot be reached{times}: {error.message}; start the server, or correct the address",
            spent=Completion(text="") if sent and not endpoint.free else None,
        )
    return ModelError(f"{where} {_refusal(error, endpoint)}{times}")


def _refusal(error: ModelAPIError, endpoint: Endpoint) -> str:
    words = _words(error)
    if isinstance(error, ModelAuthenticationError):
        return f"refuses the key ({words}); check {key_variable(endpoint.provider)}"
    if isinstance(error, ModelNotFoundError):
        return f"does not exist there ({words}); check the model's name and that the address ends in /v1"
    if isinstance(error, ModelQuotaExceededError):
        return f"says that the quota is used up ({words}); add credit, or use another model"
    if isinstance(error, ModelRateLimitError):
        return f"refuses for now: too many requests ({words}); use fewer parallel attempts, or wait"
    if isinstance(error, ModelContextWindowExceededError):
        return f"cannot read so long a prompt ({words}); shorten it, or use a model with a longer context"
    status = f" {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    return f"answered with an error{status} ({words})"


def _words(error: ModelAPIError) -> str:
    """What the server said, as one line of at most 300 characters."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("error", body)
    if isinstance(body, dict):
        body = body.get("message", body)
    return " ".join(str(body or error.message).split())[:300]
