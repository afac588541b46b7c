"""The verb check: run one task and compare what the harness did with the contract."""

import tempfile
from pathlib import Path

from halo_opt.cli.loop_options import LOOP_FILE, Config, Model, configured, served
from halo_opt.cli.options import JsonOnly, Quiet
from halo_opt.core.console import Console
from halo_opt.core.errors import NegativeAnswer
from halo_opt.core.text import counted
from halo_opt.experiment.contract import attempt_issues
from halo_opt.patching.surface import surface_issues


def check_verb(config: Config = LOOP_FILE, model: Model = None, json_: JsonOnly = False, quiet: Quiet = False) -> None:
    """Run one task and check that the harness does what halo-opt needs of it.

    Every way in which the harness breaks the contract is listed with its remedy. The exit code is 1 if it breaks a
    required part.
    """
    console = Console(quiet=quiet)
    loop = configured(config, model)
    with served(loop, console) as endpoint, tempfile.TemporaryDirectory(prefix="halo-opt-check-") as folder:
        issues = [*surface_issues(loop), *attempt_issues(loop, endpoint=endpoint, folder=Path(folder))]
    rows = [[issue.part, "required" if issue.required else "recommended", issue.message] for issue in issues]
    console.table(["part", "kind", "issue"], rows, "json" if json_ else "table")
    required = [issue for issue in issues if issue.required]
    if required:
        raise NegativeAnswer(f"the harness breaks the harness contract in {counted(len(required), 'way')}")
    console.say("the harness keeps the contract")
