"""The verb run: the whole loop, from collecting attempts to keeping or reverting patches."""

import shutil
from datetime import UTC, datetime
from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config, Model, Workers, configured, served
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, rows_format
from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console, Format
from halo_opt.core.loop_records import IterationSummary, LoopSummary, ScoreEstimate
from halo_opt.loop import run_loop
from halo_opt.reporting.formatting import interval_text, percent, points
from halo_opt.reporting.loop_report import write_loop_report


def run_verb(
    *,
    config: Config = LOOP_FILE,
    model: Model = None,
    workers: Workers = None,
    iterations: Annotated[int | None, typer.Option(help="The largest number of iterations.")] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Start over. The folders of an earlier loop of the same name are renamed, not deleted."
        ),
    ] = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the whole loop: collect, analyze, propose, apply, collect again, keep or revert.

    A loop that was interrupted continues where it stopped when the same command is given again.
    """
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
    """Rename the folders of an earlier loop, so that a new one can use their names."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = config.loop_folder
    if not folder.exists():
        return
    for found in [folder, *sorted(config.resolve(config.traces).glob(f"{config.loop_id}.*"))]:
        shutil.move(found, found.with_name(f"{found.name}.{stamp}"))
    console.say(f"the earlier loop was renamed to {folder.name}.{stamp}")


def _show(summary: LoopSummary, console: Console, format_: Format) -> None:
    """Print the scores that the loop measured, one row each."""
    if format_ == "json":
        console.document(summary)
        return
    rows: list[list[object]] = []
    noise, sealed, best = summary.baseline_noise, summary.sealed, summary.best_of_k
    if noise is not None:
        words = interval_text(noise.diff.interval, signed=True)
        rows.append(["gate, original against itself (A/A)", points(noise.diff.difference), words, noise.diff.pairs, ""])
    rows += [
        [f"gate after iteration {turn.number}", *_score(turn.gate), _decisions(turn)] for turn in summary.iterations
    ]
    if sealed is not None:
        rows.append(["sealed, original", *_score(sealed.original), ""])
        if best is not None:
            words = interval_text(best.interval)
            rows.append([f"sealed, original, best of {best.k}", percent(best.rate), words, sealed.attempts, ""])
        rows.append(["sealed, final", *_score(sealed.final), ""])
        words = interval_text(sealed.interval, signed=True)
        rows.append(["sealed, difference", points(sealed.difference), words, sealed.attempts, ""])
    console.table(["score", "value", "95% interval", "attempts", "patches"], rows, format_)
    for caveat in summary.caveats:
        console.say(f"note: {caveat}")


def _score(estimate_: ScoreEstimate) -> list[object]:
    return [percent(estimate_.rate), interval_text(estimate_.interval), estimate_.attempts]


def _decisions(turn: IterationSummary) -> str:
    return ", ".join(f"{c.proposal.id} {'kept' if c.verdict.accepted else 'dropped'}" for c in turn.candidates)
