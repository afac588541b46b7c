"""The verb that looks before anything is paid for: smoke."""

from collections.abc import Sequence
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.output import out_all
from harness.cli.plan import Overrides, settings_of
from harness.evaluation import preflight
from harness.settings.load import DEFAULT_CONFIG


def smoke(
    *,
    mode: o.Mode = None,
    config: o.Config = DEFAULT_CONFIG,
    browser_only: Annotated[
        bool, typer.Option("--browser-only", help="Only whether a step in a browser works.")
    ] = False,
) -> None:
    """Say what would fail before money is spent: packages, config, browser, one scripted step, keys, endpoints.

    Keys and endpoints count only with --mode, which says what is to run. No model is called.
    """
    if browser_only:
        _tell([preflight.scripted_step()])
        return
    sound = preflight.config(config)
    models = []
    if sound.state is preflight.State.OK:
        _, settings = settings_of(config, mode, Overrides())
        models = preflight.model_checks(settings, needed=mode is not None)
    _tell([*preflight.modules(), sound, preflight.browser(), preflight.scripted_step(), *models])


def _tell(checks: Sequence[preflight.Check]) -> None:
    out_all(preflight.lines_of(checks))
    preflight.require(checks)
