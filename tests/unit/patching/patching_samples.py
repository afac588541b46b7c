"""A small harness as data, and odd things in its repository: what the tests of this folder edit."""

from collections.abc import Callable
from pathlib import Path

Git = Callable[..., str]
RULES = "prompts/rules.txt"

CONFIG = """\
# Settings of the agent.
mode: fast   # how it works
defaults:
  guards:
    loop: "off"  # what to do about repeats
    submit: false
  steps: 7
  # between two settings
  temperature: 0.5
  note: 'quoted: yes'
lists:
  - one
  - two
# the end
"""

SCHEMA = {
    "type": "object",
    "properties": {
        "mode": {"enum": ["fast", "careful"], "type": "string"},
        "defaults": {"$ref": "#/$defs/Defaults"},
        "lists": {"type": "array", "items": {"type": "string", "maxLength": 8}},
    },
    "$defs": {
        "Defaults": {
            "type": "object",
            "properties": {
                "guards": {"$ref": "#/$defs/Guards"},
                "steps": {"type": "integer", "minimum": 1, "maximum": 30, "default": 7, "description": "Step budget"},
                "temperature": {"type": "number", "minimum": 0, "exclusiveMaximum": 2},
                "note": {"type": "string", "maxLength": 40},
                "history": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}], "default": 0},
                "labels": {"type": "boolean", "default": False},
                "weights": {"type": "array", "items": {"type": "number"}, "maxItems": 3},
            },
        },
        "Guards": {
            "type": "object",
            "properties": {"loop": {"enum": ["off", "warn", "block"]}, "submit": {"type": "boolean"}},
        },
    },
}

PROMPT = """\
You work in a browser. Goal: {{ goal }}
{% for line in lines %}- {{ line }}
{% endfor %}
Answer with one action.
"""

FILES = {"conf/config.yaml": CONFIG.encode(), "prompts/worker.j2": PROMPT.encode(), "prompts/rules.txt": b"Be brief.\n"}

REMEDIES = {
    "loop_guard": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.guards.loop", "value": "block"}],
    "submit_check": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.guards.submit", "value": True}],
    "show_history": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.history", "value": 3}],
    "address_by_label": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.labels", "value": True}],
    "raise_step_limit": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.steps", "value": 12}],
    "lower_temperature": [{"type": "set", "path": "conf/config.yaml", "key": "defaults.temperature", "value": 0}],
    "state_rules": [{"type": "append", "path": "prompts/worker.j2", "text": "Keep what is right already.\n"}],
}


def odd_files(repo: Path, git: Git) -> None:
    """Everything in a repository that is not a plain tracked file."""
    (repo / "link").symlink_to("README.md")
    (repo / "run.sh").write_text("#!/bin/sh\n")
    (repo / "run.sh").chmod(0o755)
    (repo / ".env").write_text("A=1\n")
    (repo / "conftest.py").write_text("")
    git("add", ".")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},sub")
    git("commit", "-q", "-m", "odd")
