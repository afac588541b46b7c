"""The verb analyze: what separates failures from successes, found by mining, and by a model where one is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.analysis.session.analysing import Subject, analyse_traces
from halo_opt.analysis.session.asked import Asked
from halo_opt.analysis.session.write_report import write_analysis
from halo_opt.cli import model_options
from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    Store,
    TraceFormat,
    Traces,
    rows_format,
)
from halo_opt.cli.stores import built_store, reading, say_import
from halo_opt.core.console import Console, Format
from halo_opt.core.paths import ANALYSIS_JOURNAL
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import load_detectors
from halo_opt.mining.triage import CLASSES
from halo_opt.reporting.files import need_place
from halo_opt.reporting.report_files import REPORT_JSON, TRIAGE_CSV, ReportPaths
from halo_opt.store import Store as TraceStore

DEFAULT_OUT = Path("report")
# A whole analysis: enough for a small hosted model to finish, little enough not to be regretted.
CAUTIOUS_USD = 1.0


def analyze_verb(
    *,
    traces: Traces,
    out: Annotated[Path, typer.Option("--out", help="Folder for report.json, .md and .html.")] = DEFAULT_OUT,
    title: Annotated[str | None, typer.Option(help="The report's title.")] = None,
    detectors: Annotated[
        list[Path] | None, typer.Option("--detectors", help="A YAML file of detectors of your own.", metavar="FILE")
    ] = None,
    experimental: Annotated[
        bool, typer.Option("--experimental", help="Also use the detectors that are marked experimental.")
    ] = False,
    model: model_options.AskModel = None,
    role: model_options.RoleModels = None,
    budget: model_options.BudgetOption = None,
    max_turns: model_options.MaxTurns = None,
    max_depth: model_options.MaxDepth = None,
    parallel: model_options.Parallel = None,
    time: model_options.Time = None,
    harness: model_options.Harness = None,
    prices: model_options.PriceFile = None,
    record: model_options.Record = None,
    replay: model_options.Replay = None,
    context: model_options.Context = None,
    watch: model_options.WatchOption = False,
    fresh: model_options.Fresh = False,
    store: Store = None,
    trace_format: TraceFormat = None,
    scores: Scores = None,
    redact: Redact = True,
    redact_personal: RedactPersonal = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the behaviours that separate failures from successes.

    Without --model that is mining alone: free and repeatable. With one, agents look further and every claim of theirs
    is checked; run again, the same command goes on where it was.
    """
    console = Console(quiet=quiet)
    options = reading(trace_format, scores, redact=redact, personal=redact_personal)
    asked = model_options.asked_of(
        model=model, roles=role, budget=budget, turns=max_turns, depth=max_depth, parallel=parallel, time=time,
        harness=harness, prices=prices, context=context, replay=replay, record=record, fresh=fresh,
        limits=AnalysisLimits(),
    )  # fmt: skip
    if asked is None:
        model_options.need_model({
            "--budget": budget, "--max-turns": max_turns, "--max-depth": max_depth, "--parallel": parallel,
            "--time": time, "--harness": harness, "--prices": prices, "--context": context, "--record": record,
            "--watch": watch, "--fresh": fresh,
        })  # fmt: skip
    own = load_detectors(detectors or [], experimental=experimental)
    need_place(out / REPORT_JSON, "--out")
    path, summary = built_store(traces, store, console, options=options)
    say_import(summary, console)
    name = title or " and ".join(found.name for found in traces)
    chosen = options.text() + (" experimental" if experimental else "")
    subject = Subject(path, summary, name, own, model_options.digest(chosen, *(detectors or [])))
    format_chosen = rows_format(format_, json_)
    if asked is None:
        report, paths = write_analysis(path, out, title=name, summary=summary, detectors=own)
        _show(report, paths, console, format_chosen)
        console.say("no model was given, so this is mining alone; --model SPEC lets one look further")
        if (out / ANALYSIS_JOURNAL).exists():
            console.warn(
                f"this replaced the report of a model's analysis in {out}; its calls are kept ({ANALYSIS_JOURNAL}), and"
                " its own command writes that report again for nothing"
            )
        return
    _analyse(asked, subject, Journalled(out, record, fresh=fresh), console, format_chosen, watch=watch)


@dataclass(frozen=True)
class Journalled:
    """Where an analysis keeps its calls, and whether an earlier journal there is set aside."""

    out: Path
    record: Path | None
    fresh: bool


def _analyse(
    asked: Asked, subject: Subject, place: Journalled, console: Console, format_: Format, *, watch: bool
) -> None:
    """Let the models look, write what they found and what holds of it, and end with the code that fits."""
    journal = place.out / ANALYSIS_JOURNAL
    if place.fresh:
        model_options.begin_anew(journal, console)
    with TraceStore.open(subject.store) as store:
        if store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'") == [(0,)]:
            console.warn(
                "no attempt here is known to have failed, so no claim of a model can hold; --scores FILE adds outcomes,"
                " and ask answers questions without any"
            )
    with model_options.opened(
        asked,
        console,
        journal=journal,
        subject=subject.identity(),
        cautious_usd=CAUTIOUS_USD,
        remedy="give it another --out, or pass --fresh to set the old journal aside",
        record=place.record,
    ) as session:
        shown = model_options.watch_over(session, console, every=watch)
        report, paths, result = analyse_traces(
            subject,
            place.out,
            session,
            asked,
            watch=shown,
            during=shown.shown,
            writing=lambda: console.working("holding every claim against the traces once more"),
        )
        model_options.say_end(result, session, console)
    _show(report, paths, console, format_)
    model_options.raise_end(
        result, found=f"what was found is in {paths.html}", again="the same command goes on from there"
    )


def _show(report: Report, paths: ReportPaths, console: Console, format_: Format) -> None:
    if format_ == "json":
        console.document(report)
    else:
        console.table(["id", "finding", "in failures", "in successes", "q"], _finding_rows(report), format_)
    for caveat in report.caveats:
        console.say(f"note: {caveat}")
    if judged := _triage_words(report):
        console.say(f"triage: {judged}; each attempt's rule is in {paths.json.with_name(TRIAGE_CSV)}")
    console.say(f"report: {paths.html}")


def _triage_words(report: Report) -> str:
    """How many failures each class holds, largest first; '' without failures."""
    counts = {name: report.triage[f"{name} failures"].value for name in CLASSES}
    held = sorted(((count, name) for name, count in counts.items() if isinstance(count, int) and count), reverse=True)
    failures = report.triage["failures"].value
    of = "of 1 failure " if failures == 1 else f"of {failures} failures "
    return of + ", ".join(f"{count} {name}" for count, name in held) if held else ""


def _finding_rows(report: Report) -> list[list[object]]:
    def share(finding_numbers: dict[str, object], part: str, whole: str) -> str:
        return f"{finding_numbers.get(part)} of {finding_numbers.get(whole)}"

    rows: list[list[object]] = []
    for finding in report.findings:
        values: dict[str, object] = {name: number.value for name, number in finding.numbers.items()}
        failures, successes = share(values, "failures_with", "failures"), share(values, "successes_with", "successes")
        rows.append([finding.id, finding.title, failures, successes, values.get("q_value")])
    return rows
