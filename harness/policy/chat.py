"""One chat completion from an OpenAI-compatible endpoint, with patience. Never decides what a reply means.

A busy or failing provider (429, 5xx) and a dropped connection are tried again with growing waits, a Retry-After is
kept to, and in the end the attempt is an error with its cause: an outage must not look like a bad agent.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import openai
from openai import OpenAI

from harness.config import ModelSettings
from harness.errors import AttemptError, Cause

FIRST_WAIT = 0.25
LONGEST_WAIT = 20.0
# Statuses that no retry mends: a wrong key, a model that is not there.
SYSTEMIC = frozenset({401, 403, 404})


class ModelDown(AttemptError):
    """The endpoint cannot serve any attempt as things stand: nothing listens there, or it refuses the key or model."""


def _retry_after(error: openai.APIStatusError) -> float | None:
    said = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        return None


class ChatClient:
    """`complete` returns (reply, tokens_in, tokens_out)."""

    def __init__(self, settings: ModelSettings, api_key: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._client = OpenAI(base_url=settings.base_url, api_key=api_key, max_retries=0, timeout=settings.timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def complete(
        self, messages: Sequence[dict[str, Any]], *, response_format: dict[str, Any] | None, seed: int, deadline: float
    ) -> tuple[str, int | None, int | None]:
        """One reply. Raises AttemptError when there is none after the retries, or ModelDown when there will be none."""
        tries = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AttemptError(Cause.TIME_LIMIT, "the attempt's time was used up while waiting for the model")
            try:
                return self._once(messages, response_format, seed, min(self._settings.timeout, left))
            except openai.APIError as error:
                wait = self._wait(error, tries, timed_out=left < self._settings.timeout)
            tries += 1
            self._sleep(min(wait, max(0.0, deadline - time.monotonic())))

    def _once(
        self, messages: Sequence[dict[str, Any]], response_format: dict[str, Any] | None, seed: int, timeout: float
    ) -> tuple[str, int | None, int | None]:
        extra: dict[str, Any] = {"response_format": response_format} if response_format else {}
        reply = self._client.chat.completions.create(
            model=self._settings.name,
            messages=list(messages),  # type: ignore[arg-type]
            temperature=self._settings.temperature,
            max_tokens=self._settings.max_tokens,
            seed=seed,
            timeout=timeout,
            **extra,
        )
        words = reply.choices[0].message.content if reply.choices else None
        usage = reply.usage
        return words or "", usage.prompt_tokens if usage else None, usage.completion_tokens if usage else None

    def _wait(self, error: openai.APIError, tries: int, *, timed_out: bool) -> float:
        """Seconds to wait before the next try; raises when there is no use in one."""
        where = self._settings.base_url
        last = tries >= self._settings.retries
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**tries)
        if isinstance(error, openai.APITimeoutError):
            if timed_out:
                raise AttemptError(
                    Cause.TIME_LIMIT, "the attempt's time was used up while waiting for the model"
                ) from None
            if last:
                raise AttemptError(
                    Cause.MODEL_ERROR, f"{where} did not reply within {self._settings.timeout:g} s"
                ) from None
            return wait
        if isinstance(error, openai.APIConnectionError):
            if last:
                raise ModelDown(
                    Cause.MODEL_UNREACHABLE,
                    f"no model answers at {where} (connection failed {tries + 1} times); start the server or set "
                    "OPENAI_BASE_URL",
                ) from None
            return wait
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            if status in SYSTEMIC:
                raise ModelDown(
                    Cause.MODEL_ERROR,
                    f"{where} refused model '{self._settings.name}' with status {status}; check the key and the name",
                ) from None
            if (status not in {408, 409, 429} and status < 500) or last:
                detail = " ".join(str(error.message).split())[:200]
                raise AttemptError(Cause.MODEL_ERROR, f"{where} answered with status {status}: {detail}") from None
            said = _retry_after(error)
            return wait if said is None else min(said, LONGEST_WAIT)
        raise AttemptError(
            Cause.MODEL_ERROR, f"{where} sent something that is not a chat completion: {error}"
        ) from None
