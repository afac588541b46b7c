"""The verb that looks before anything is paid for: smoke."""

from harness.cli import options as o
from harness.cli.plan import Changes, settings_of
from harness.cli.words import out_all
from harness.config_load import DEFAULT_CONFIG
from harness.errors import UsageError
from harness.ops import preflight


def smoke(*, mode: o.Mode = None, config: o.Config = DEFAULT_CONFIG) -> None:
    """Say what would fail before money is spent: packages, config, browser, one scripted step, keys, endpoints.

    Keys and endpoints count only with --mode, which says what is to run. No model is called.
    """
    checks = [*preflight.modules(), preflight.config(config), preflight.browser(), preflight.scripted_step()]
    try:
        _, settings = settings_of(config, mode, Changes())
    except UsageError as error:
        if checks[len(preflight.MODULES)].state is preflight.State.OK:
            raise  # the file is sound, so it is the mode that was asked for
        checks.append(preflight.Check(name="mode", state=preflight.State.FAILED, words=str(error)))
    else:
        checks += preflight.model_checks(settings, needed=mode is not None)
    out_all(preflight.lines_of(checks))
    preflight.require(checks)
