"""What an optimizer asks a harness: tasks list, describe, check."""

import json

from harness.cli import options as o
from harness.cli.output import log, out
from harness.settings.describe import description
from harness.settings.load import DEFAULT_CONFIG


def describe() -> None:
    """Print config schema, prompts and remedies as JSON, for an optimizer."""
    out(json.dumps(description(), indent=1))


def check(*, config: o.Config = DEFAULT_CONFIG) -> None:
    """Exit 0 when the config validates and every prompt renders."""
    from harness.evaluation.config_check import (
        check as check_harness,  # brings the model's client, which is slow to import
    )

    check_harness(config)
    log("the config validates and every prompt renders")
