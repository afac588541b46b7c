"""Makes the policy of a role from settings. The model clients are imported only when one is needed."""

import os

from harness.decide.policy import Policy
from harness.decide.rules import RulesPolicy
from harness.models.build import build_model, settings_of
from harness.settings.backends import Role, resolved
from harness.settings.schema import HarnessSettings


def build_policy(settings: HarnessSettings, role: Role = "worker") -> Policy:
    """The policy of a role. With `worker: rules` both roles follow the rules, and no model is called.

    Raises:
        EnvironmentMissing: The model's key is missing.
        UsageError: A prompt or an example is wrong.
    """
    if settings.worker == "rules":
        return RulesPolicy(settings)
    from harness.decide.examples import load_examples
    from harness.decide.model_policy import ModelPolicy
    from harness.settings.prompts import Prompts

    model = resolved(settings_of(settings, role), os.environ)
    client = build_model(model, role, os.environ)
    return ModelPolicy(settings, Prompts(), load_examples(), role=role, model=model, client=client)
