"""Checks that an edited harness would start: config, `.env`, prompts and examples, under all settings of a prompt."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from harness.decide.examples import EXAMPLES_FILE, example_steps, load_examples
from harness.decide.model_policy import fixed_messages, worker_values
from harness.decide.policy import PolicyInput
from harness.settings.env_file import ENV_FILE, read_env_file
from harness.settings.load import load_file, merged, mode_settings
from harness.settings.prompts import PROMPT_DIR, Prompts
from harness.settings.schema import HarnessSettings


def _variants(settings: HarnessSettings) -> list[HarnessSettings]:
    """The settings as they are, and with every combination of the switches that prompts depend on."""
    out = [settings]
    both = (True, False)
    for few_shot, rules, addressing, state, more in product(both, both, ("ref", "label"), both, both):
        overlay = {
            "prompt": {"few_shot": few_shot, "state_rules": rules},
            "actions": {"addressing": addressing, "navigation": more, "answer": more},
            "observation": {"element_state": state},
            "hierarchy": {"manager": more},
            "escalation": {"low_confidence": more},
        }
        out.append(HarnessSettings.model_validate(merged(settings.model_dump(), overlay)))
    return out


def check(config: Path, prompt_dir: Path = PROMPT_DIR, examples_file: Path = EXAMPLES_FILE) -> None:
    """Raise UsageError at the first thing that would stop an eval."""
    read_env_file(Path(ENV_FILE))
    file = load_file(config)
    prompts, examples = Prompts(prompt_dir), load_examples(examples_file)
    for mode in file.modes:
        # Without environment variables: they must not decide whether the config is valid.
        settings = mode_settings(config, file, mode, {})
        for variant in _variants(settings):
            fixed_messages(variant, prompts, examples)
            for policy_input, _ in example_steps(examples, variant)[:2]:
                _render_step(prompts, policy_input)
    prompts.render("retry.j2", {"problem": "there is no such element"})


def _render_step(prompts: Prompts, policy_input: PolicyInput) -> None:
    """Render the step's prompt with and without history, for worker and manager."""
    histories: Sequence[dict[str, Any]] = ({}, {"history": ('click "A": the page changed',), "notes": ("a note",)})
    roles: Sequence[dict[str, Any]] = ({}, {"reason": "a reason"}, {"reason": "a reason", "proposal": 'click "A"'})
    for history, role in product(histories, roles):
        prompts.render("worker.j2", worker_values(policy_input.model_copy(update={**history, **role})))
