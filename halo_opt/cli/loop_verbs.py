"""Verbs that run attempts: run, collect, check."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.options import (
    LOOP_FILE,
    Config,
    FormatName,
    FormatOption,
    Json,
    Model,
    Quiet,
    configured,
    rows_format,
)
from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console, Format
from halo_opt.core.errors import NegativeAnswer
from halo_opt.core.harness_commands import list_tasks
from halo_opt.core.loop_records import IterationSummary, LoopSummary, ScoreEstimate
from halo_opt.core.paths import CachePaths
from halo_opt.core.text import counted
from halo_opt.experiment.contract import attempt_issues
from halo_opt.experiment.scores import estimate
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.experiment.working_tree import AttemptSelection, collect_working_tree
from halo_opt.llm.endpoint import Endpoint, open_endpoint, probe
from halo_opt.llm.local import ServerSettings
from halo_opt.llm.spec import parse_spec
from halo_opt.loop import run_loop
from halo_opt.patching.surface import surface_issues
from halo_opt.reporting.loop_report import write_loop_report
from halo_opt.reporting.words import interval_words, percent, points


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command("run")(run_verb)
    app.command("collect")(collect_verb)
    app.command("check")(check_verb)


@contextmanager
def served(config: LoopConfig, console: Console) -> Iterator[Endpoint | None]:
    """The worker's model while the block runs, having answered once; None when the harness brings its own."""
    if config.model == "none":
        yield None
        return
    spec = parse_spec(config.model, base=config.base)
    with ExitStack() as stack:
        with console.working(f"starting the model {config.model}"):
            # A slot for each worker: two workers in one slot would push each other's prompt out of its cache.
            settings = ServerSettings(slots=config.collect.workers)
            cache = CachePaths(config.base / ".halo_opt").models
            endpoint = stack.enter_context(open_endpoint(spec, cache_dir=cache, settings=settings))
            probe(endpoint)
        yield endpoint


def run_verb(
    *,
    config: Config = LOOP_FILE,
    model: Model = None,
    workers: Annotated[int | None, typer.Option(help="Harness processes at a time.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Iterations at most.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set an earlier loop of this name aside and start anew.")
    ] = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the whole loop, or go on with it: collect, analyze, propose, apply, collect again, keep or revert."""
    console = Console(quiet=quiet)
    loop = configured(config, model, collect__workers=workers, loop__iterations=iterations)
    if fresh:
        _set_aside(loop, console)
    with served(loop, console) as endpoint:
        summary = run_loop(loop, endpoint=endpoint, console=console)
    paths = write_loop_report(summary, loop.loop_folder)
    _show(summary, console, rows_format(format_, json_))
    console.say(f"report: {paths.html}")


def _set_aside(config: LoopConfig, console: Console) -> None:
    """Move an earlier loop's folders and branch out of the way; nothing is deleted."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = config.loop_folder
    if not folder.exists():
        return
    for found in [folder, *sorted(config.resolve(config.traces).glob(f"{config.loop_id}.*"))]:
        shutil.move(found, found.with_name(f"{found.name}.{stamp}"))
    console.say(f"the earlier loop is in {folder.name}.{stamp}")


def _show(summary: LoopSummary, console: Console, format_: Format) -> None:
    """The loop as one table: a row for each score that it measured."""
    if format_ == "json":
        console.document(summary)
        return
    rows: list[list[object]] = []
    noise, sealed, best = summary.baseline_noise, summary.sealed, summary.best_of_k
    if noise is not None:
        words = interval_words(noise.diff.interval, signed=True)
        rows.append(["gate, original against itself (A/A)", points(noise.diff.difference), words, noise.diff.pairs, ""])
    rows += [[f"gate after iteration {turn.number}", *_score(turn.gate), _fate(turn)] for turn in summary.iterations]
    if sealed is not None:
        rows.append(["sealed, original", *_score(sealed.original), ""])
        if best is not None:
            words = interval_words(best.interval)
            rows.append([f"sealed, original, best of {best.k}", percent(best.rate), words, sealed.attempts, ""])
        rows.append(["sealed, final", *_score(sealed.final), ""])
        words = interval_words(sealed.interval, signed=True)
        rows.append(["sealed, difference", points(sealed.difference), words, sealed.attempts, ""])
    console.table(["score", "value", "95% interval", "attempts", "patches"], rows, format_)
    for caveat in summary.caveats:
        console.say(f"note: {caveat}")


def _score(estimate_: ScoreEstimate) -> list[object]:
    return [percent(estimate_.rate), interval_words(estimate_.interval), estimate_.attempts]


def _fate(turn: IterationSummary) -> str:
    return ", ".join(f"{c.proposal.id} {'kept' if c.verdict.accepted else 'dropped'}" for c in turn.candidates)


def collect_verb(
    *,
    config: Config = LOOP_FILE,
    split: Annotated[Split, typer.Option(help="Whose tasks and seeds to run.")] = Split.TRAIN,
    run_id: Annotated[
        str | None, typer.Option(help="The run's folder under traces/ (default: split and revision).")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="These tasks instead of a split's, with commas between.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per task, with --tasks.")] = 1,
    attempt: Annotated[int, typer.Option(min=0, help="Which independent try of each task and seed.")] = 0,
    model: Model = None,
    workers: Annotated[int | None, typer.Option(help="Harness processes at a time.")] = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the harness as it is in the working tree; run again, it does only what is missing."""
    console = Console(quiet=quiet)
    loop = configured(config, model, collect__workers=workers)
    known = list_tasks(loop)
    named = tasks.split(",") if tasks else None
    selection = AttemptSelection(split=split, run_id=run_id, tasks=named, seeds=seeds, attempt=attempt)
    keys = selection.keys(known, make_splits(known, loop.splits))
    with served(loop, console) as endpoint:
        folder, results = collect_working_tree(loop, selection, keys, endpoint=endpoint, console=console)
    score = estimate(results)
    row = [folder.name, score.rate, score.interval, score.tasks, score.attempts, score.errors]
    columns = ["run", "success rate", "95% interval", "tasks", "attempts", "errors"]
    console.table(columns, [row], rows_format(format_, json_))
    console.say(f"traces: {folder}")


def check_verb(config: Config = LOOP_FILE, model: Model = None, json_: Json = False, quiet: Quiet = False) -> None:
    """Run one task and say exactly what the harness lacks of the contract. Exit code 1 when something is missing."""
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
