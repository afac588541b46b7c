"""Proves that an edited harness would start: config, `.env`, prompts and examples, in all that changes a prompt.

Never touches a browser or a model. Raises UsageError with one sentence.
"""

from itertools import product
from pathlib import Path

from harness.decide.examples import EXAMPLES_FILE, example_turns, load_examples
from harness.decide.model_policy import fixed_messages, worker_values
from harness.decide.policy import PolicyInput
from harness.settings.env_file import ENV_FILE, read_env_file
from harness.settings.load import load_file, merged, mode_settings
from harness.settings.prompts import PROMPT_DIR, Prompts
from harness.settings.schema import HarnessSettings


def _variants(settings: HarnessSettings) -> list[HarnessSettings]:
    """The settings as they are, and with every switch that a prompt can depend on both ways."""
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
    """Raise at the first thing that would stop or mislead an eval."""
    read_env_file(Path(ENV_FILE))
    file = load_file(config)
    prompts, examples = Prompts(prompt_dir), load_examples(examples_file)
    for mode in file.modes:
        # As written: whether the config is sound does not depend on who asks for which model.
        settings = mode_settings(config, file, mode, {})
        for variant in _variants(settings):
            fixed_messages(variant, prompts, examples)
            for turn, _ in example_turns(examples, variant)[:2]:
                _render_turn(prompts, turn)
    prompts.render("retry.j2", {"problem": "there is no such element"})


def _render_turn(prompts: Prompts, turn: PolicyInput) -> None:
    for history in ({}, {"history": ('click "A": the page changed',), "notes": ("a note",)}):
        for asked in ({}, {"reason": "a reason"}, {"reason": "a reason", "proposal": 'click "A"'}):
            prompts.render("worker.j2", worker_values(turn.model_copy(update={**history, **asked})))
