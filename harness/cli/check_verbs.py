"""The verb that looks before anything is paid for: smoke."""

from harness.cli import options as o
from harness.cli.plan import Changes, settings_of
from harness.cli.words import out_all
from harness.config_load import DEFAULT_CONFIG
from harness.ops import preflight


def smoke(*, mode: o.Mode = None, config: o.Config = DEFAULT_CONFIG) -> None:
    """Say what would fail before money is spent: packages, config, browser, one scripted step, keys, endpoints.

    Keys and endpoints count only with --mode, which says what is to run. No model is called.
    """
    sound = preflight.config(config)
    models = []
    if sound.state is preflight.State.OK:
        _, settings = settings_of(config, mode, Changes())
        models = preflight.model_checks(settings, needed=mode is not None)
    checks = [*preflight.modules(), sound, preflight.browser(), preflight.scripted_step(), *models]
    out_all(preflight.lines_of(checks))
    preflight.require(checks)
