"""Makes the policy of a role from settings. The clients are loaded only when they are wanted: they are slow to import.

Never prints, stores or puts a key into settings: it goes from the environment to the client.
"""

import os
import time
from collections.abc import Callable, Mapping

from harness.config import HarnessSettings, ModelSettings
from harness.models.backends import BACKENDS, Role, key_of, resolved
from harness.models.base import ChatModel
from harness.models.patience import PatientModel, Wire
from harness.policy.base import Policy
from harness.policy.rules import RulesPolicy


def settings_of(settings: HarnessSettings, role: Role) -> ModelSettings:
    """The model settings of a role."""
    return settings.manager if role == "manager" else settings.model


def build_model(
    model: ModelSettings, role: Role, environ: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep
) -> ChatModel:
    """A client for a model. Raises EnvironmentMissing when its key is missing. Close it when done."""
    model = resolved(model, environ)
    key = key_of(model, environ, role)
    wire: Wire
    if BACKENDS[model.backend].wire == "anthropic":
        from harness.models.anthropic_wire import AnthropicWire

        wire = AnthropicWire(model, key)
    else:
        from harness.models.openai_wire import OpenAIWire

        wire = OpenAIWire(model, key)
    return PatientModel(wire, model, role, sleep=sleep)


def build_policy(settings: HarnessSettings, role: Role = "worker") -> Policy:
    """The policy of a role. With `worker: rules` both roles are rules: such an eval asks no model at all.

    Raises EnvironmentMissing when a key is missing and UsageError when a prompt or an example is wrong.
    """
    if settings.worker == "rules":
        return RulesPolicy(settings)
    from harness.policy.examples import load_examples
    from harness.policy.model_policy import ModelPolicy
    from harness.prompts import Prompts

    model = resolved(settings_of(settings, role), os.environ)
    client = build_model(model, role, os.environ)
    return ModelPolicy(settings, Prompts(), load_examples(), role=role, model=model, client=client)
