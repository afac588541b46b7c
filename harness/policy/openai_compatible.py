"""The worker that asks a model. Builds the messages from the prompt files; never touches the page.

The parts that never change come first (system words, examples) and the page last, so that a server with a prompt
prefix cache reads the long part once.
"""

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.actions import ACTIONS, KEYS, NAVIGATION
from harness.choices import asks_confidence, reply_schema
from harness.config import HarnessSettings
from harness.policy.base import Decision, ModelCall, Turn
from harness.policy.chat import ChatClient
from harness.policy.examples import Example, example_turns
from harness.prompts import Prompts
from harness.tracing import now

# How llama.cpp's schema engine is told to leave no choice about white space.
COMPACT = {"x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}}


def compact_json(settings: HarnessSettings) -> bool:
    """Whether the endpoint is asked for JSON without free white space."""
    if settings.model.compact_json == "auto":
        return urlsplit(settings.model.base_url).hostname in {"127.0.0.1", "localhost", "::1"}
    return settings.model.compact_json == "on"


def system_values(settings: HarnessSettings) -> dict[str, Any]:
    """What system.j2 may use."""
    return {
        "addressing": settings.actions.addressing,
        "actions": [*ACTIONS, *(NAVIGATION if settings.actions.navigation else ())],
        "keys": list(KEYS),
        "state_rules": settings.prompt.state_rules,
        "element_state": settings.observation.element_state,
        "few_shot": settings.prompt.few_shot,
        "navigation": settings.actions.navigation,
        "answer": settings.actions.answer,
        "confidence": asks_confidence(settings),
    }


def turn_values(turn: Turn) -> dict[str, Any]:
    """What worker.j2 may use."""
    return {
        "goal": turn.goal,
        "page": turn.page,
        "history": list(turn.history),
        "notes": list(turn.notes),
        "step": turn.step + 1,
        "steps_left": turn.step_limit - turn.step,
        "reason": turn.reason,
        "proposal": turn.proposal,
    }


def fixed_messages(settings: HarnessSettings, prompts: Prompts, examples: list[Example]) -> list[dict[str, str]]:
    """The messages that are the same for every step of every attempt."""
    messages = [{"role": "system", "content": prompts.render("system.j2", system_values(settings))}]
    if settings.prompt.few_shot:
        for turn, reply in example_turns(examples, settings):
            messages.append({"role": "user", "content": prompts.render("worker.j2", turn_values(turn))})
            messages.append({"role": "assistant", "content": reply})
    return messages


def with_picture(messages: Sequence[dict[str, Any]], at: int, png: bytes) -> list[dict[str, Any]]:
    """The messages with a picture of the page added to message `at`. The trace keeps them without it."""
    address = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [
        {"type": "text", "text": messages[at]["content"]},
        {"type": "image_url", "image_url": {"url": address}},
    ]
    return [*messages[:at], {**messages[at], "content": parts}, *messages[at + 1 :]]


class OpenAICompatiblePolicy:
    """Asks the endpoint for one action, its form held to a schema where the endpoint can."""

    name = "worker"

    def __init__(
        self, settings: HarnessSettings, prompts: Prompts, examples: list[Example], client: ChatClient
    ) -> None:
        self._settings = settings
        self._prompts = prompts
        self._client = client
        self._fixed = fixed_messages(settings, prompts, examples)

    def _messages(self, turn: Turn) -> list[dict[str, str]]:
        messages = [*self._fixed, {"role": "user", "content": self._prompts.render("worker.j2", turn_values(turn))}]
        for reply, problem in turn.problems:
            messages.append({"role": "assistant", "content": reply})
            messages.append({"role": "user", "content": self._prompts.render("retry.j2", {"problem": problem})})
        return messages

    def _response_format(self, turn: Turn) -> dict[str, Any] | None:
        kind = self._settings.model.reply_format
        if kind == "text":
            return None
        if kind == "json_object":
            return {"type": "json_object"}
        schema = reply_schema(turn.choices, self._settings)
        if compact_json(self._settings):
            schema = {**schema, **COMPACT}
        return {"type": "json_schema", "json_schema": {"name": "action", "schema": schema}}

    def decide(self, turn: Turn, *, deadline: float) -> Decision:
        """The model's reply, whatever it says. Raises AttemptError when the endpoint gives none."""
        messages = self._messages(turn)
        started = now()
        sent = with_picture(messages, len(self._fixed), turn.screenshot) if turn.screenshot else messages
        reply, tokens_in, tokens_out = self._client.complete(
            sent, response_format=self._response_format(turn), seed=turn.sampling_seed, deadline=deadline
        )
        call = ModelCall(
            model=self._settings.model.name,
            messages=messages,
            reply=reply,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            started_at=started,
            ended_at=now(),
            parameters={"temperature": self._settings.model.temperature, "seed": turn.sampling_seed},
        )
        return Decision(reply=reply, call=call)
