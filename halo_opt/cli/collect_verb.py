"""The verb collect: run the harness of the working tree on the tasks of one split."""

from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config, Model, Workers, configured, served
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, rows_format
from halo_opt.core.console import Console
from halo_opt.core.harness_commands import list_tasks
from halo_opt.experiment.scores import estimate
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.experiment.working_tree import AttemptSelection, collect_working_tree
from halo_opt.reporting.formatting import interval_text, percent


def collect_verb(
    *,
    config: Config = LOOP_FILE,
    split: Annotated[Split, typer.Option(help="The split whose tasks and seeds are run.")] = Split.TRAIN,
    run_id: Annotated[
        str | None,
        typer.Option(
            help="The name of the run, which is its folder under traces/. Default: the split and the revision."
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Run these tasks instead of those of a split. Separate several with commas.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="With --tasks: the number of seeds for each task.")] = 1,
    attempt: Annotated[
        int,
        typer.Option(
            min=0, help="The number of this repetition. Each task and seed can be run several times, once per number."
        ),
    ] = 0,
    model: Model = None,
    workers: Workers = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the harness on the tasks of one split.

    The harness runs as it is in the working tree. Given again, the command runs only the attempts that are missing.
    """
    console = Console(quiet=quiet)
    loop = configured(config, model, collect__workers=workers)
    known = list_tasks(loop)
    named = tasks.split(",") if tasks else None
    selection = AttemptSelection(split=split, run_id=run_id, tasks=named, seeds=seeds, attempt=attempt)
    keys = selection.keys(known, make_splits(known, loop.splits))
    with served(loop, console) as endpoint:
        folder, results = collect_working_tree(loop, selection, keys, endpoint=endpoint, console=console)
    score = estimate(results)
    chosen = rows_format(format_, json_)
    rate: list[object] = [score.rate, score.interval]
    if chosen == "table":
        rate = [percent(score.rate), interval_text(score.interval)]
    columns = ["run", "success rate", "95% interval", "tasks", "attempts", "errors"]
    console.table(columns, [[folder.name, *rate, score.tasks, score.attempts, score.errors]], chosen)
    console.say(f"traces: {folder}")
