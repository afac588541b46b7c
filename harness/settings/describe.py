"""The harness's description for an optimizer: config schema, prompts and remedies.

A remedy is a word for a change that may cure a failing behaviour, with the typed edits that make the change here.
"""

from typing import Any

from harness.settings.prompts import VARIABLES
from harness.settings.schema import ConfigFile

CONFIG = "harness/config.yaml"
PROMPTS = "prompts/harness"
_REMEDIES: dict[str, list[tuple[str, Any]]] = {
    "show_element_state": [("observation.element_state", True)],
    "constrain_targets": [("actions.constrain_targets", True)],
    "address_by_label": [("actions.addressing", "label")],
    "applicable_actions": [("actions.applicable_only", True)],
    "few_shot_examples": [("prompt.few_shot", True)],
    "state_rules": [("prompt.state_rules", True)],
    "show_history": [("history.length", 4)],
    "loop_guard": [("guards.loop", "block"), ("guards.loop_after", 1)],
    "ban_no_effect": [("guards.no_effect_ban", True)],
    "submit_check": [("guards.submit_check", "block")],
    "done_check": [("guards.done_check", True)],
    "retry_invalid": [("retry.invalid_action", 2)],
    "raise_step_limit": [("limits.steps", 12)],
    "compact_observation": [("observation.form", "controls")],
    "lower_temperature": [("model.temperature", 0.0)],
}


# What an optimizer may set, with narrower bounds where the schema's are for people: groups and single settings by
# their keys. Everything else decides what is measured, with which model, keys and budget, or lets the attempts of one
# run learn from each other.
_EDITABLE: dict[str, dict[str, Any]] = {
    **{f"defaults.{group}": {} for group in ("observation", "actions", "prompt", "history", "guards", "retry")},
    "defaults.verifier": {},
    "defaults.limits.steps": {"maximum": 24},
    "defaults.model.temperature": {},
    "defaults.model.max_tokens": {"maximum": 512},
}


def remedies() -> dict[str, list[dict[str, Any]]]:
    """Typed edits by remedy word."""
    found: dict[str, list[dict[str, Any]]] = {}
    for word, edits in _REMEDIES.items():
        found[word] = [
            {"type": "set", "path": CONFIG, "key": f"defaults.{key}", "value": value} for key, value in edits
        ]
    return found


def description() -> dict[str, Any]:
    """The output of `python -m harness describe`."""
    return {
        "config": CONFIG,
        "schema": ConfigFile.model_json_schema(),
        "editable": _EDITABLE,
        "prompts": [f"{PROMPTS}/{name}" for name in VARIABLES],
        "remedies": remedies(),
    }
