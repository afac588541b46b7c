"""The verbs that run no attempts: smoke, check, describe."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.output import log, out, out_all
from harness.cli.plan import Overrides, settings_of
from harness.evaluation import preflight
from harness.settings.describe import description
from harness.settings.load import DEFAULT_CONFIG


def smoke(
    *,
    mode: o.Mode = None,
    config: o.Config = DEFAULT_CONFIG,
    browser_only: Annotated[
        bool, typer.Option("--browser-only", help="Check only that one step in a browser works.")
    ] = False,
) -> None:
    """Check what a run needs: packages, config, browser, one step in it, keys, endpoints. No model is called.

    A missing key or endpoint is an error only with --mode, which says what will run.
    """
    if browser_only:
        _report([preflight.scripted_step()])
        return
    config_check = preflight.config(config)
    models = []
    if config_check.state is preflight.State.OK:
        _, settings = settings_of(config, mode, Overrides())
        models = preflight.model_checks(settings, needed=mode is not None)
    _report([*preflight.modules(), config_check, preflight.browser(), preflight.scripted_step(), *models])


def _report(checks: Sequence[preflight.Check]) -> None:
    out_all(preflight.lines_of(checks))
    preflight.require(checks)


def describe() -> None:
    """Print the config's schema, the prompts and the remedies as JSON, for an optimizer."""
    out(json.dumps(description(), indent=1))


def check(*, config: o.Config = DEFAULT_CONFIG) -> None:
    """Check that the config is valid and that every prompt renders."""
    from harness.evaluation.config_check import check as check_harness  # imports the model clients, which is slow

    check_harness(config)
    log("the config validates and every prompt renders")
