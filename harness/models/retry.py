"""Asks a model and retries what may pass, within the attempt's time.

A busy or failing provider (429, 5xx) and a dropped connection are tried again with growing waits, a Retry-After is
kept to, and in the end the attempt is an error with its cause: an outage must not look like a bad agent.
"""

import time
from collections.abc import Callable
from typing import Protocol

from halo_common.model_calls import Failure, wait_before_retry
from harness.core.errors import AttemptError, Cause
from harness.models.base import ChatReply, ChatRequest, ModelDown, RequestFailed
from harness.record.tracing import now
from harness.settings.backends import BACKENDS, Role
from harness.settings.schema import ModelSettings

FIRST_WAIT = 0.25
LONGEST_WAIT = 20.0
OUT_OF_TIME = "the attempt's time was used up while waiting for the model"
# A wrong key, no right to the model, no such model: no retry mends these, for any attempt.
_LASTING_STATUS = frozenset({401, 403, 404})


def _concerns_every_attempt(failure: Failure) -> bool:
    """Whether an error (a wrong key, an unknown model) would end every attempt."""
    return failure.no_credit or failure.status in _LASTING_STATUS


class ModelClient(Protocol):
    """A provider's client that makes one request at a time."""

    def send(self, request: ChatRequest, *, timeout: float) -> ChatReply:
        """One request, one reply within `timeout` seconds. Raises RequestFailed when there is none."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class RetryingModel:
    """A ChatModel over a provider's client. `settings` are resolved ones; `role` is named in messages."""

    def __init__(
        self, client: ModelClient, settings: ModelSettings, role: Role, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self._settings, self._role, self._sleep = client, settings, role, sleep

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, request: ChatRequest, *, deadline: float) -> ChatReply:
        """One reply. Raises AttemptError when there is none after the retries, or ModelDown when there will be none."""
        started, tries = now(), 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AttemptError(Cause.TIME_LIMIT, OUT_OF_TIME)
            try:
                reply = self._client.send(request, timeout=min(self._settings.timeout, left))
            except RequestFailed as failed:
                failure = failed.failure
                tries += 1
                wait = self._wait(failure, tries, cut_short=left < self._settings.timeout)
                self._sleep(self._within(wait, deadline, failure))
            else:
                return reply.model_copy(update={"tries": tries + 1, "started_at": started, "ended_at": now()})

    def _within(self, wait: float, deadline: float, failure: Failure) -> float:
        left = deadline - time.monotonic()
        if failure.retry_after is not None and failure.retry_after > left:
            raise AttemptError(
                Cause.MODEL_ERROR,
                f"{self._settings.base_url} is busy (status {failure.status}) and asks to wait "
                f"{failure.retry_after:.0f} s, longer than the attempt has left; use fewer workers",
            )
        return min(wait, max(0.0, left))

    def _wait(self, failure: Failure, tries: int, *, cut_short: bool) -> float:
        """Seconds to wait before the next try; raises when there is no use in one."""
        if failure.kind == "timeout" and cut_short:
            raise AttemptError(Cause.TIME_LIMIT, OUT_OF_TIME)
        if _concerns_every_attempt(failure):
            raise ModelDown(Cause.MODEL_ERROR, self._refusal(failure))
        if not failure.may_pass or tries > self._settings.retries:
            raise self._given_up(failure, tries)
        return wait_before_retry(failure, tries, first=FIRST_WAIT, longest=LONGEST_WAIT)

    def _given_up(self, failure: Failure, tries: int) -> AttemptError:
        where = self._settings.base_url
        times = f"{tries} time{'s' if tries > 1 else ''}"
        if failure.kind == "timeout":
            return AttemptError(
                Cause.MODEL_ERROR, f"{where} did not reply within {self._settings.timeout:g} s, asked {times}"
            )
        if failure.kind in {"unreachable", "cut off"}:
            variable = BACKENDS[self._settings.backend].address_env or "base_url in the config"
            return ModelDown(
                Cause.MODEL_UNREACHABLE,
                f"no model answers at {where} (connection failed {times}); start the server or set {variable}",
            )
        if failure.kind == "malformed":
            return AttemptError(
                Cause.MODEL_ERROR, f"{where} sent something that is not a chat completion: {failure.message}"
            )
        return AttemptError(
            Cause.MODEL_ERROR, f"{where} answered with status {failure.status}, asked {times}: {failure.message}"
        )

    def _refusal(self, failure: Failure) -> str:
        """Why no attempt can be served, with what to change: the key's variable or the model's name."""
        model = self._settings
        who = f"{self._role} '{model.name}'"
        detail = f"({failure.message})" if failure.message else ""
        status = f"{model.base_url} answered {failure.status}"
        if failure.no_credit:
            return f"{status} for the {who}: the account of {model.api_key_env} has no credit left {detail}".rstrip()
        if failure.status == 404:
            variable = "HALO_MANAGER_MODEL" if self._role == "manager" else "HALO_WORKER_MODEL"
            by = "" if model.fixed else f" or by {variable}"
            return (
                f"{status}: it serves no model '{model.name}' {detail}; correct the {self._role}'s name in the "
                f"config{by}, or the address"
            )
        if failure.status == 403:
            return f"{status}: the key in {model.api_key_env} may not use the {who} {detail}; use another key or model"
        return f"{status}: it refused the key in {model.api_key_env} for the {who} {detail}; check that variable"
