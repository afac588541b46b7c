"""The policy that calls a model, with messages made from the prompt files.

The constant parts (system prompt, examples) come first and the page last, so that a prompt cache of a server
or provider can hold the long part.
"""

from typing import Any

from harness.act.actions import ACTIONS, KEYS, NAVIGATION
from harness.decide.choices import asks_confidence, reply_schema
from harness.decide.examples import Example, example_steps
from harness.decide.policy import PolicyInput, PolicyReply
from harness.models.base import ChatModel, ChatRequest, Message, ModelCall
from harness.models.costs import price_of
from harness.settings.backends import Role
from harness.settings.prompts import Prompts
from harness.settings.schema import HarnessSettings, ModelSettings


def system_values(settings: HarnessSettings) -> dict[str, Any]:
    """The variables of system.j2."""
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


def worker_values(policy_input: PolicyInput) -> dict[str, Any]:
    """The variables of worker.j2."""
    return {
        "goal": policy_input.goal,
        "page": policy_input.page,
        "history": list(policy_input.history),
        "notes": list(policy_input.notes),
        "step": policy_input.step + 1,
        "steps_left": policy_input.step_limit - policy_input.step,
        "reason": policy_input.reason,
        "proposal": policy_input.proposal,
    }


def fixed_messages(settings: HarnessSettings, prompts: Prompts, examples: list[Example]) -> list[Message]:
    """The messages that are the same in every step of every attempt: the system prompt and the examples."""
    messages = [Message(role="system", content=prompts.render("system.j2", system_values(settings)))]
    if settings.prompt.few_shot:
        for policy_input, reply in example_steps(examples, settings):
            messages.append(Message(role="user", content=prompts.render("worker.j2", worker_values(policy_input))))
            messages.append(Message(role="assistant", content=reply))
    return messages


class ModelPolicy:
    """Asks a model for one action, in a form that the reply schema enforces where the endpoint supports that.

    `model` holds the role's resolved settings, for the trace and the price; `client` sends the requests.
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

    def _request(self, policy_input: PolicyInput) -> ChatRequest:
        page = Message(role="user", content=self._prompts.render("worker.j2", worker_values(policy_input)))
        messages = [*self._fixed, page]
        for reply, problem in policy_input.problems:
            # A reply may have been empty, and no provider takes an empty message back.
            messages.append(Message(role="assistant", content=reply or "(no reply)"))
            messages.append(Message(role="user", content=self._prompts.render("retry.j2", {"problem": problem})))
        return ChatRequest(
            messages=tuple(messages),
            fixed=len(self._fixed),
            image=policy_input.screenshot if self._model.images else None,
            reply_schema=reply_schema(policy_input.choices, self._settings),
            seed=policy_input.sampling_seed,
        )

    def decide(self, policy_input: PolicyInput, *, deadline: float) -> PolicyReply:
        """The model's reply, unread. Raises AttemptError when the endpoint gives none."""
        request = self._request(policy_input)
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
        return PolicyReply(text=reply.text, call=call)
