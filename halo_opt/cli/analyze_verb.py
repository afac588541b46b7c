"""The verb analyze: what separates failures from successes, found by mining, and by a model where one is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.analysis.session.analyze_traces import Subject, analyze_traces
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.write_report import write_analysis
from halo_opt.cli import model_options
from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    NameMapFile,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    Store,
    SuccessAt,
    TraceFormat,
    Traces,
    rows_format,
)
from halo_opt.cli.stores import built_store, import_options, report_import
from halo_opt.core.console import Console, Format
from halo_opt.core.paths import ANALYSIS_JOURNAL
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import load_detectors
from halo_opt.reporting.files import need_place
from halo_opt.reporting.report_files import REPORT_JSON, TRIAGE_CSV, ReportPaths
from halo_opt.reporting.report_parts import COUNT_COLUMNS, count_lines
from halo_opt.store import ImportSummary
from halo_opt.store import Store as TraceStore
from halo_opt.store.index.summary import notes_on_files

DEFAULT_OUT = Path("report")
# A whole analysis: enough for a small hosted model to finish, little enough not to be regretted.
CAUTIOUS_USD = 1.0


def analyze_verb(
    *,
    traces: Traces,
    out: Annotated[
        Path, typer.Option("--out", help="The folder for report.json, report.md, report.html and triage.csv.")
    ] = DEFAULT_OUT,
    title: Annotated[
        str | None, typer.Option(help="The title of the report. Default: the names of the traces.")
    ] = None,
    detectors: Annotated[
        list[Path] | None,
        typer.Option(
            "--detectors", help="A YAML file with your own detectors. May be given several times.", metavar="FILE"
        ),
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
    in_order: model_options.InOrder = False,
    context: model_options.Context = None,
    watch: model_options.WatchOption = False,
    fresh: model_options.Fresh = False,
    store: Store = None,
    trace_format: TraceFormat = None,
    scores: Scores = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    redact: Redact = True,
    redact_personal: RedactPersonal = False,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the behaviours that separate failures from successes, and write a report.

    Without --model, built-in detectors are measured: no model is called, and the result is the same each time. With
    --model, agents also explore the traces, and each claim that they make is checked against the traces. An analysis
    that was interrupted continues when the same command is given again.
    """
    console = Console(quiet=quiet)
    reading = import_options(
        trace_format, scores, names=map_, success_at=success_at, redact=redact, personal=redact_personal
    )
    analysis = model_options.analysis_options(
        model=model, roles=role, budget=budget, turns=max_turns, depth=max_depth, parallel=parallel, time=time,
        harness=harness, prices=prices, context=context, replay=replay, in_order=in_order, record=record, fresh=fresh,
        limits=AnalysisLimits(),
    )  # fmt: skip
    if analysis is None:
        model_options.need_model({
            "--budget": budget, "--max-turns": max_turns, "--max-depth": max_depth, "--parallel": parallel,
            "--time": time, "--harness": harness, "--prices": prices, "--context": context, "--record": record,
            "--watch": watch, "--fresh": fresh,
        })  # fmt: skip
    own = load_detectors(detectors or [], experimental=experimental)
    need_place(out / REPORT_JSON, "--out")
    path, summary = built_store(traces, store, console, options=reading)
    report_import(summary, console)
    name = title or " and ".join(found.name for found in traces)
    chosen = reading.text() + (" experimental" if experimental else "")
    subject = Subject(path, summary, name, own, model_options.digest(chosen, *(detectors or [])))
    format_chosen = rows_format(format_, json_)
    if analysis is None:
        report, paths = write_analysis(path, out, title=name, summary=summary, detectors=own)
        _show(report, paths, summary, console, format_chosen)
        console.say("no --model was given, so only the built-in detectors and your own were measured")
        if (out / ANALYSIS_JOURNAL).exists():
            console.warn(
                f"the report of an earlier analysis with a model in {out} was replaced. The model's replies are kept in"
                f" {ANALYSIS_JOURNAL}: the earlier command writes that report again without new calls"
            )
        return
    _analyze_with_model(analysis, subject, Journalled(out, record, fresh=fresh), console, format_chosen, watch=watch)


@dataclass(frozen=True)
class Journalled:
    """Where an analysis records its model calls, and whether an earlier journal there is renamed first."""

    out: Path
    record: Path | None
    fresh: bool


def _analyze_with_model(
    options: AnalysisOptions, subject: Subject, place: Journalled, console: Console, format_: Format, *, watch: bool
) -> None:
    """Run the agents, check their claims, write the report, and raise where the analysis ended early."""
    journal = place.out / ANALYSIS_JOURNAL
    if place.fresh:
        model_options.rename_journal(journal, console)
    with TraceStore.open(subject.store) as store:
        if store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'") == [(0,)]:
            console.warn(
                "no attempt in these traces is known to have failed, so no claim about failures can be confirmed; add"
                " outcomes with --scores FILE, or use 'halo-opt ask', which needs no outcomes"
            )
    with model_options.opened_session(
        options,
        console,
        journal=journal,
        subject=subject.identity(),
        cautious_usd=CAUTIOUS_USD,
        remedy="choose another --out, or pass --fresh to rename the old journal and start over",
        record=place.record,
    ) as session:
        display = model_options.display_of(session, console, every=watch)
        report, paths, result = analyze_traces(
            subject,
            place.out,
            session,
            options,
            watch=display,
            during=display.shown,
            writing=lambda: console.working("checking every claim against the traces again"),
        )
        model_options.print_end(result, session, console)
    _show(report, paths, subject.summary, console, format_)
    model_options.raise_end(
        result, found=f"what was found is in {paths.html}", again="the same command continues from there"
    )


def _show(report: Report, paths: ReportPaths, summary: ImportSummary, console: Console, format_: Format) -> None:
    for words in report.answer:
        console.say(words)
    if format_ == "json":
        console.document(report)
    elif report.findings or (format_ == "csv" and not report.counts):
        console.table(["id", "level", "finding", "in failures", "in successes", "q"], _finding_rows(report), format_)
    elif report.counts:
        console.table(["kind", *(name.lower() for name in COUNT_COLUMNS)], _count_rows(report), format_)
    # What the import has warned of is not said again.
    warned = {f"{note}.".lower() for note in [*summary.warnings, *notes_on_files(summary)]}
    for caveat in report.caveats:
        if caveat.lower() not in warned:
            console.say(f"note: {caveat}")
    if report.triage:
        console.say(f"{paths.json.with_name(TRIAGE_CSV)} has the best explanation of each failure")
    console.say(f"report: {paths.html}")


def _count_rows(report: Report) -> list[list[object]]:
    return [[table.title, *row] for table in count_lines(report) for row in table.rows]


def _finding_rows(report: Report) -> list[list[object]]:
    def share(finding_numbers: dict[str, object], part: str, whole: str) -> str:
        return f"{finding_numbers.get(part)} of {finding_numbers.get(whole)}"

    rows: list[list[object]] = []
    for finding in report.findings:
        values: dict[str, object] = {name: number.value for name, number in finding.numbers.items()}
        failures, successes = share(values, "failures_with", "failures"), share(values, "successes_with", "successes")
        title = f"{finding.title} ({finding.scope})" if finding.scope else finding.title
        compared = [pair.q_value or 0.0 for pair in report.comparisons if finding.id in pair.findings]
        # What marks a whole run goes by the comparison of runs: within the run there is nothing to test.
        of_run = max(compared) if compared and finding.level != "proven" else None
        q = values.get("q_value") if of_run is None else of_run
        rows.append([finding.id, finding.level, title, failures, successes, q])
    return rows
