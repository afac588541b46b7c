"""Makes the policy of a role from settings. The clients are loaded only when they are wanted: they are slow to import.

Never prints, stores or puts a key into settings: it goes from the environment to the client.
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
    if BACKENDS[model.backend].wire == "anthropic":
        from harness.models.anthropic_client import AnthropicClient

        client = AnthropicClient(model, key)
    else:
        from harness.models.openai_client import OpenAIClient

        client = OpenAIClient(model, key)
    return RetryingModel(client, model, role, sleep=sleep)
