"""Asks a model with patience: retries what may pass, within the attempt's time. Never decides what a reply means.

A busy or failing provider (429, 5xx) and a dropped connection are tried again with growing waits, a Retry-After is
kept to, and in the end the attempt is an error with its cause: an outage must not look like a bad agent.
"""

import time
from collections.abc import Callable
from typing import Protocol

from harness.core.errors import AttemptError, Cause
from harness.models.base import ChatReply, ChatRequest, ModelDown
from harness.models.faults import Trouble
from harness.record.tracing import now
from harness.settings.backends import BACKENDS, Role
from harness.settings.schema import ModelSettings

FIRST_WAIT = 0.25
LONGEST_WAIT = 20.0
OUT_OF_TIME = "the attempt's time was used up while waiting for the model"


class Wire(Protocol):
    """One provider's way of being asked once."""

    def send(self, request: ChatRequest, *, timeout: float) -> ChatReply:
        """One request, one reply within `timeout` seconds. Raises Trouble, and nothing else, when there is none."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class PatientModel:
    """A ChatModel over a wire. `settings` are resolved ones; `role` is named in messages."""

    def __init__(
        self, wire: Wire, settings: ModelSettings, role: Role, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._wire, self._settings, self._role, self._sleep = wire, settings, role, sleep

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def ask(self, request: ChatRequest, *, deadline: float) -> ChatReply:
        """One reply. Raises AttemptError when there is none after the retries, or ModelDown when there will be none."""
        started, tries = now(), 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AttemptError(Cause.TIME_LIMIT, OUT_OF_TIME)
            try:
                reply = self._wire.send(request, timeout=min(self._settings.timeout, left))
            except Trouble as trouble:
                tries += 1
                wait = self._wait(trouble, tries, cut_short=left < self._settings.timeout)
                self._sleep(self._within(wait, deadline, trouble))
            else:
                return reply.model_copy(update={"tries": tries + 1, "started_at": started, "ended_at": now()})

    def _within(self, wait: float, deadline: float, trouble: Trouble) -> float:
        left = deadline - time.monotonic()
        if trouble.retry_after is not None and trouble.retry_after > left:
            raise AttemptError(
                Cause.MODEL_ERROR,
                f"{self._settings.base_url} is busy (status {trouble.status}) and asks to wait "
                f"{trouble.retry_after:.0f} s, longer than the attempt has left; use fewer workers",
            )
        return min(wait, max(0.0, left))

    def _wait(self, trouble: Trouble, tries: int, *, cut_short: bool) -> float:
        """Seconds to wait before the next try; raises when there is no use in one."""
        if trouble.kind == "timeout" and cut_short:
            raise AttemptError(Cause.TIME_LIMIT, OUT_OF_TIME)
        if trouble.systemic:
            raise ModelDown(Cause.MODEL_ERROR, self._refusal(trouble))
        if not trouble.passing or tries > self._settings.retries:
            raise self._given_up(trouble, tries)
        if trouble.retry_after is not None:
            return trouble.retry_after
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (tries - 1))

    def _given_up(self, trouble: Trouble, tries: int) -> AttemptError:
        where = self._settings.base_url
        times = f"{tries} time{'s' if tries > 1 else ''}"
        if trouble.kind == "timeout":
            return AttemptError(
                Cause.MODEL_ERROR, f"{where} did not reply within {self._settings.timeout:g} s, asked {times}"
            )
        if trouble.kind == "connection":
            variable = BACKENDS[self._settings.backend].address_env or "base_url in the config"
            return ModelDown(
                Cause.MODEL_UNREACHABLE,
                f"no model answers at {where} (connection failed {times}); start the server or set {variable}",
            )
        if trouble.kind == "malformed":
            return AttemptError(
                Cause.MODEL_ERROR, f"{where} sent something that is not a chat completion: {trouble.words}"
            )
        return AttemptError(
            Cause.MODEL_ERROR, f"{where} answered with status {trouble.status}, asked {times}: {trouble.words}"
        )

    def _refusal(self, trouble: Trouble) -> str:
        """Why no attempt can be served, with what to change: the key's variable or the model's name."""
        model = self._settings
        who = f"{self._role} '{model.name}'"
        said = f"({trouble.words})" if trouble.words else ""
        status = f"{model.base_url} answered {trouble.status}"
        if trouble.spent or trouble.status == 402:
            return f"{status} for the {who}: the account of {model.api_key_env} has no credit left {said}".rstrip()
        if trouble.status == 404:
            variable = "HALO_MANAGER_MODEL" if self._role == "manager" else "HALO_WORKER_MODEL"
            by = "" if model.fixed else f" or by {variable}"
            return (
                f"{status}: it serves no model '{model.name}' {said}; correct the {self._role}'s name in the config{by}"
                ", or the address"
            )
        if trouble.status == 403:
            return f"{status}: the key in {model.api_key_env} may not use the {who} {said}; use another key or model"
        return f"{status}: it refused the key in {model.api_key_env} for the {who} {said}; check that variable"
