"""The verb check: run one task and compare what the harness did with the contract."""

import tempfile
from pathlib import Path

from halo_opt.cli.loop_options import LOOP_FILE, Config, Model, configured, served
from halo_opt.cli.options import Json, Quiet
from halo_opt.core.console import Console
from halo_opt.core.errors import NegativeAnswer
from halo_opt.core.text import counted
from halo_opt.experiment.contract import Lack, check_contract


def check_verb(config: Config = LOOP_FILE, model: Model = None, json_: Json = False, quiet: Quiet = False) -> None:
    """Run one task and check that the harness does what halo-opt needs of it.

    What is missing is listed with its remedy, and the exit code is 1 if anything required is missing.
    """
    console = Console(quiet=quiet)
    loop = configured(config, model)
    with served(loop, console) as endpoint, tempfile.TemporaryDirectory(prefix="halo-opt-check-") as folder:
        missing: list[Lack] = check_contract(loop, endpoint=endpoint, folder=Path(folder))
    rows = [[lack.part, "required" if lack.needed else "recommended", lack.words] for lack in missing]
    console.table(["part", "need", "what is missing"], rows, "json" if json_ else "table")
    required = [lack for lack in missing if lack.needed]
    if required:
        raise NegativeAnswer(
            f"the harness does not do {counted(len(required), 'thing')} that halo-opt requires; see the table above"
        )
    console.say("the harness does everything that halo-opt requires")
