"""The verb diff: compare runs, paired by task and seed."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, rows_format
from halo_opt.core.config import load_config
from halo_opt.core.console import Console, Format
from halo_opt.core.errors import InputError
from halo_opt.core.paths import CACHE, CachePaths, RunPaths
from halo_opt.core.records import ScoreDiff
from halo_opt.core.text import counted
from halo_opt.experiment.diff import compare_with_first
from halo_opt.experiment.results import attempts_of
from halo_opt.mining.rates import rates
from halo_opt.reporting.diff_view import diff_headline, diff_tables
from halo_opt.reporting.files import need_place


def diff_verb(
    *,
    runs: Annotated[
        list[str],
        typer.Argument(help="Two or more runs: folders of traces, or names of folders under traces/.", metavar="RUN"),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write diff.json, diff.md and diff.html to this folder. For two runs only."),
    ] = None,
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
    if out is not None:
        if len(runs) > 2:
            raise InputError("--out writes one comparison; name two runs: halo-opt diff A B --out DIR")
        need_place(out / "diff.json", "--out")
    folders = [_run_folder(name, config) for name in runs]
    results = [attempts_of(folder) for folder in folders]
    behaviours = rates(folders, CachePaths(CACHE).stores)
    diffs = compare_with_first([folder.name for folder in folders], results, behaviours)
    for diff in diffs:
        _print(diff, console, rows_format(format_, json_))
    if out is not None:
        from halo_opt.reporting.diff_files import write_diff

        console.say(f"report: {write_diff(diffs[0], out).html}")


def _print(diff: ScoreDiff, console: Console, format_: Format) -> None:
    if format_ == "json":
        console.document(diff)
        return
    headline = diff_headline(diff)
    console.text(f"{headline.title}: {headline.sentence}")
    shown = [shift for shift in diff.behaviours if shift.before or shift.after]
    for table in diff_tables(diff.model_copy(update={"behaviours": shown})):
        console.text(f"\n{table.title}")
        console.table(table.columns, table.rows, format_)
    if left_out := len(diff.behaviours) - len(shown):
        console.say(f"not listed: {counted(left_out, 'behaviour')} that neither run shows; --json lists all")


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
