"""The verb diff: compare sets of attempts in pairs."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config
from halo_opt.cli.options import FormatName, FormatOption, Json, NameMapFile, Quiet, SuccessAt, rows_format
from halo_opt.cli.stores import built_store, open_store
from halo_opt.core.config import load_config
from halo_opt.core.console import Console, Format
from halo_opt.core.errors import InputError
from halo_opt.core.input_paths import as_file
from halo_opt.core.paths import CACHE, CachePaths
from halo_opt.core.records import ScoreDiff
from halo_opt.core.text import counted
from halo_opt.experiment.attempt_sets import AttemptSet, is_run_folder, run_folder_set, stored_sets
from halo_opt.experiment.diff import compare_with_first
from halo_opt.mining.rates import rates, rates_in
from halo_opt.reporting.diff_view import BEHAVIOURS_LISTED, diff_headline, diff_tables, moved_behaviours
from halo_opt.reporting.files import need_place
from halo_opt.store import Store, expanded
from halo_opt.store.outcomes import checked_threshold

By = Literal["model", "run", "mode", "revision"]


def diff_verb(
    *,
    sets: Annotated[
        list[str],
        typer.Argument(
            help="Two or more of: a trace file or folder, a run's folder or its name under traces/, a store (.duckdb). "
            "With --by, one is enough.",
            metavar="TRACES",
        ),
    ],
    by: Annotated[
        By | None,
        typer.Option(
            "--by", help="Compare the attempts of one model, run, mode or harness revision with those of another."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write diff.json, diff.md and diff.html to this folder. For two sets only."),
    ] = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    config: Config = LOOP_FILE,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare sets of attempts with the first one, paired by task and seed.

    Shows the difference in success rate with its interval, the tasks that changed, and the behaviours that changed
    most. Without outcomes only the behaviours are compared.
    """
    console = Console(quiet=quiet)
    if len(sets) < 2 and by is None:
        raise InputError("diff compares two sets or more: halo-opt diff A B, or halo-opt diff A --by model")
    if out is not None:
        if len(sets) > 2:
            raise InputError("--out writes one comparison; name two sets: halo-opt diff A B --out DIR")
        need_place(out / "diff.json", "--out")
    paths = [_path_of(name, config) for name in sets]
    reading = _Reading(map_, checked_threshold(success_at))
    compared = _grouped(paths, by, reading, console) if by else _each(sets, paths, reading, console)
    if out is not None and len(compared) > 2:
        names = ", ".join(one.name for one in compared)
        raise InputError(f"--out writes one comparison, and --by {by} finds {len(compared)}: {names}; leave out --out")
    diffs = compare_with_first(compared)
    table = rows_format(format_, json_) == "table"
    for place, diff in enumerate(diffs):
        if place and table:
            console.text("")
        _print(diff, console, rows_format(format_, json_))
    if out is not None:
        from halo_opt.reporting.diff_files import write_diff

        console.say(f"report: {write_diff(diffs[0], out).html}")


class _Reading(NamedTuple):
    """How the traces are read: with which names of the user's own, and which score as a success."""

    names: Path | None
    success_at: float | None


def _each(given: list[str], paths: list[Path], reading: _Reading, console: Console) -> list[AttemptSet]:
    """A set for each path: a run folder's results, or all attempts of a store or of traces."""
    folders = [path for path in paths if is_run_folder(path)]
    known = dict(zip(folders, rates(folders, CachePaths(CACHE).stores), strict=True)) if folders else {}
    found = []
    for path in paths:
        if path in known:
            found.append(run_folder_set(path, known[path], reading.success_at))
        else:
            with _store_of(path, reading, console) as store:
                found += stored_sets(store, None, path.stem or str(path), rates_in)
    names = [one.name for one in found]
    return [
        one._replace(name=word) if names.count(one.name) > 1 else one for one, word in zip(found, given, strict=True)
    ]


def _grouped(paths: list[Path], by: By, reading: _Reading, console: Console) -> list[AttemptSet]:
    """The attempts of all paths together, divided by one of their columns."""
    if any(_is_store(path) for path in paths):
        if len(paths) > 1:
            raise InputError("with --by, give one store alone, or trace files and folders without a store")
        store = _store_of(paths[0], reading, console)
    else:
        store = Store.open(built_store(paths, None, console, **reading._asdict())[0])
    with store:
        return stored_sets(store, by, "", rates_in)


def _store_of(path: Path, reading: _Reading, console: Console) -> Store:
    if _is_store(path):
        return open_store(None, path, console, contents=True, **reading._asdict())
    return Store.open(built_store([path], None, console, **reading._asdict())[0])


def _is_store(path: Path) -> bool:
    return path.suffix == ".duckdb" and path.is_file()


def _path_of(name: str, config: Path) -> Path:
    """The path that a name stands for: itself, or a run of that name where the loop keeps its runs."""
    path = as_file(Path(name))
    if path.exists() or any(found.exists() for found in _matches(path)):
        return path
    tried = [path]
    if config.exists():
        loop = load_config(config)
        tried.append(loop.resolve(loop.traces) / name)
    for place in tried:
        if place.exists():
            return place
    where = " or ".join(str(place) for place in tried)
    raise InputError(f"there is no {where}; name a trace file or folder, a run, or a store (.duckdb)")


def _matches(path: Path) -> list[Path]:
    try:
        return expanded([path])
    except InputError:
        return []


def _print(diff: ScoreDiff, console: Console, format_: Format) -> None:
    if format_ == "json":
        console.document(diff)
        return
    headline = diff_headline(diff)
    console.text(f"{headline.title}: {headline.sentence}")
    for table in diff_tables(diff):
        console.text(f"\n{table.title}")
        console.table(table.columns, table.rows, format_)
    moved = moved_behaviours(diff)
    same = sum(shift.before is not None and shift.before == shift.after for shift in diff.behaviours)
    if left_out := len(diff.behaviours) - min(len(moved), BEHAVIOURS_LISTED):
        unknown = len(diff.behaviours) - len(moved) - same
        console.say(
            f"{counted(left_out, 'behaviour')} not listed: {same} equally frequent on both sides, {unknown} not"
            " applicable to one side; --json lists all"
        )
