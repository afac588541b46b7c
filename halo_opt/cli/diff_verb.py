"""The verb diff: compare runs, paired by task and seed."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from halo_opt.analysis.session.write_report import rates
from halo_opt.cli.loop_options import LOOP_FILE, Config
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, rows_format
from halo_opt.core.config import load_config
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.paths import CACHE, CachePaths, RunPaths
from halo_opt.core.records import AttemptResult
from halo_opt.experiment.diff import compare
from halo_opt.experiment.results import read_results
from halo_opt.reporting.diff_view import diff_headline, diff_tables


def diff_verb(
    *,
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two or more runs: folders of traces, or names of folders under traces/.", metavar="A B [C ...]"
        ),
    ],
    config: Config = LOOP_FILE,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs with the first one, paired by task and seed.

    Shows the difference in success rate with its interval, the tasks that changed, and how often each behaviour occurs.
    """
    console = Console(quiet=quiet)
    if len(runs) < 2:
        raise InputError("diff compares two runs or more: halo-opt diff A B")
    folders = [_run_folder(name, config) for name in runs]
    results = [_results(folder) for folder in folders]
    behaviours = rates(folders, CachePaths(CACHE).stores)
    chosen = rows_format(format_, json_)
    for place in range(1, len(folders)):
        diff = compare(
            results[0],
            results[place],
            names=(folders[0].name, folders[place].name),
            rng=np.random.default_rng(0),
            behaviours=(behaviours[0], behaviours[place]),
        )
        if chosen == "json":
            console.document(diff)
            continue
        headline = diff_headline(diff)
        console.text(f"{headline.title}: {headline.sentence}")
        for table in diff_tables(diff):
            console.text(f"\n{table.title}")
            console.table(table.columns, table.rows, chosen)


def _run_folder(name: str, config: Path) -> Path:
    tried = [Path(name)]
    if config.exists():
        loop = load_config(config)
        tried.append(loop.resolve(loop.traces) / name)
    for folder in tried:
        if RunPaths(folder).results.is_file():
            return folder
    where = " or ".join(str(folder) for folder in tried)
    raise InputError(
        f"{where} is not a run, because it has no results.jsonl; name a folder that 'halo-opt collect' made"
    )


def _results(folder: Path) -> list[AttemptResult]:
    tail = read_results(RunPaths(folder).results)
    if not tail.results:
        raise InputError(f"{RunPaths(folder).results} holds no attempts; run 'halo-opt collect' to fill it")
    return list(tail.results.values())
