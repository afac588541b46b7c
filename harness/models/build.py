"""Makes the model of a role from settings. The clients are imported when one is made, because they are slow to import.

A key goes from the environment to the client, and nowhere else.
"""

import time
from collections.abc import Callable, Mapping

from harness.models.base import ChatModel
from harness.models.retry import ModelClient, RetryingModel
from harness.settings.backends import BACKENDS, Role, key_of, resolved
from harness.settings.schema import HarnessSettings, ModelSettings


def settings_of(settings: HarnessSettings, role: Role) -> ModelSettings:
    """The model settings of a role."""
    return settings.manager if role == "manager" else settings.model


def build_model(
    model: ModelSettings, role: Role, environ: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep
) -> ChatModel:
    """A client for a model. Raises EnvironmentMissing when its key is missing. Close it when done."""
    model = resolved(model, environ)
    key = key_of(model, environ, role)
    client: ModelClient
    if BACKENDS[model.backend].protocol == "anthropic":
        from harness.models.anthropic_client import AnthropicClient

        client = AnthropicClient(model, key)
    else:
        from harness.models.openai_client import OpenAIClient

        client = OpenAIClient(model, key)
    return RetryingModel(client, model, role, sleep=sleep)
