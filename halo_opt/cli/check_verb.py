"""The verb check: run one task and compare what the harness did with the contract."""

import tempfile
from pathlib import Path

from halo_opt.cli.loop_options import LOOP_FILE, Config, Model, configured, served
from halo_opt.cli.options import Json, Quiet
from halo_opt.core.console import Console
from halo_opt.core.errors import NegativeAnswer
from halo_opt.experiment.contract import Lack, check_contract


def check_verb(config: Config = LOOP_FILE, model: Model = None, json_: Json = False, quiet: Quiet = False) -> None:
    """Run one task and say exactly what the harness lacks of the contract. Exit code 1 when something is missing."""
    console = Console(quiet=quiet)
    loop = configured(config, model)
    with served(loop, console) as endpoint, tempfile.TemporaryDirectory(prefix="halo-opt-check-") as folder:
        lacks: list[Lack] = check_contract(loop, endpoint=endpoint, folder=Path(folder))
    rows = [[lack.part, "missing" if lack.needed else "would help", lack.words] for lack in lacks]
    console.table(["part", "", "what"], rows, "json" if json_ else "table")
    needed = [lack for lack in lacks if lack.needed]
    if needed:
        raise NegativeAnswer(f"the harness lacks {len(needed)} things that the contract needs")
    console.say("the harness keeps the contract")
