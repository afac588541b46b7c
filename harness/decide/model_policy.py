"""The policy that asks a model. Builds the messages from the prompt files; never touches the page or a connection.

The parts that never change come first (system words, examples) and the page last, so that a prompt prefix cache, of a
server or a provider, reads the long part once.
"""

from typing import Any

from harness.act.actions import ACTIONS, KEYS, NAVIGATION
from harness.decide.choices import asks_confidence, reply_schema
from harness.decide.examples import Example, example_turns
from harness.decide.policy import Decision, Turn
from harness.models.base import ChatModel, ChatRequest, Message, ModelCall
from harness.models.costs import price_of
from harness.settings.backends import Role
from harness.settings.prompts import Prompts
from harness.settings.schema import HarnessSettings, ModelSettings


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


def fixed_messages(settings: HarnessSettings, prompts: Prompts, examples: list[Example]) -> list[Message]:
    """The messages that are the same for every step of every attempt."""
    messages = [Message(role="system", content=prompts.render("system.j2", system_values(settings)))]
    if settings.prompt.few_shot:
        for turn, reply in example_turns(examples, settings):
            messages.append(Message(role="user", content=prompts.render("worker.j2", turn_values(turn))))
            messages.append(Message(role="assistant", content=reply))
    return messages


class ModelPolicy:
    """Asks a model for one action, its form held to a schema where the endpoint can.

    `model` are the role's resolved settings, for the trace and the price; `client` is what is asked.
    """

    def __init__(
        self,
        settings: HarnessSettings,
        prompts: Prompts,
        examples: list[Example],
        *,
        role: Role,
        model: ModelSettings,
        client: ChatModel,
    ) -> None:
        self.name: str = role
        self._settings, self._model, self._client, self._prompts = settings, model, client, prompts
        self._fixed = fixed_messages(settings, prompts, examples)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _request(self, turn: Turn) -> ChatRequest:
        page = Message(role="user", content=self._prompts.render("worker.j2", turn_values(turn)))
        messages = [*self._fixed, page]
        for reply, problem in turn.problems:
            # A reply may have been empty, and no provider takes an empty message back.
            messages.append(Message(role="assistant", content=reply or "(no reply)"))
            messages.append(Message(role="user", content=self._prompts.render("retry.j2", {"problem": problem})))
        return ChatRequest(
            messages=tuple(messages),
            fixed=len(self._fixed),
            image=turn.screenshot if self._model.images else None,
            reply_schema=reply_schema(turn.choices, self._settings),
            seed=turn.sampling_seed,
        )

    def decide(self, turn: Turn, *, deadline: float) -> Decision:
        """The model's reply, whatever it says. Raises AttemptError when the endpoint gives none."""
        request = self._request(turn)
        reply = self._client.ask(request, deadline=deadline)
        parameters = dict(reply.sampling)
        if reply.tries > 1:
            parameters["tries"] = reply.tries
        if request.image is not None:
            parameters["image_bytes"] = len(request.image)
        call = ModelCall(
            model=self._model.name,
            messages=[m.model_dump() for m in request.messages],
            reply=reply.text,
            tokens_in=reply.tokens.prompt,
            tokens_out=reply.tokens.reply,
            cost_usd=price_of(self._model, reply.tokens),
            started_at=reply.started_at,
            ended_at=reply.ended_at,
            parameters=parameters,
        )
        return Decision(reply=reply.text, call=call)
