"""From trace files to a written report: build the store, mine it, write the files."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from halo_opt.analysis.claims.report_with_claims import AnalysisOutput, report_with_claims
from halo_opt.core.errors import InputError
from halo_opt.core.records import Outcome
from halo_opt.core.report_records import Finding, InputFile, Report
from halo_opt.mining.detector_files import NO_DETECTORS, Detectors
from halo_opt.mining.explanations import COLUMNS
from halo_opt.mining.mine import MinedStore, measured_store
from halo_opt.reporting.report_files import ReportPaths, write_report
from halo_opt.reporting.trace_sections import StepView, TraceView
from halo_opt.store import ImportSummary, Store, build_store, default_store_path, fresh, guarded_query
from halo_opt.store.protocols import Query

# Longer texts make an HTML page that browsers open slowly. The store has them in full.
STEP_CHARACTERS = 4_000
# Limits of a user's detector, which gives one row per attempt.
DETECTOR_ROWS = 2_000_000
DETECTOR_BYTES = 400_000_000
DETECTOR_SECONDS = 120.0


def indexed(inputs: Sequence[Path], store: Path | None = None) -> Path:
    """The path of the store of these trace files; it is built when it is missing or no longer matches them."""
    path = store or default_store_path(inputs)
    if not fresh(path, inputs):
        build_store(inputs, path)
    return path


def write_analysis(
    store_path: Path,
    folder: Path,
    *,
    title: str,
    summary: ImportSummary | None = None,
    detectors: Detectors = NO_DETECTORS,
    output: AnalysisOutput | None = None,
) -> tuple[Report, ReportPaths]:
    """Mine a store and write report.json, report.md, report.html and triage.csv.

    Args:
        store_path: The store.
        folder: Where the files are written.
        title: The title of the report.
        summary: The summary of the import; None to read it from the store.
        detectors: The user's own detectors.
        output: The output of an analysis by a model. Its claims are checked again, measured together with all other
            behaviours, and added to the report as far as the traces support them.
    """
    with Store.open(store_path) as store, mined_by(store, detectors) as mined:
        files = (summary or store.summary()).files
        return write_mined(mined, store, files, folder, title=title, output=output)


def mined_by(store: Store, detectors: Detectors = NO_DETECTORS) -> AbstractContextManager[MinedStore]:
    """Measure all behaviours in a store, including those of the user's detectors."""
    return measured_store(store, detectors=detectors, guarded=guarded_rows(store))


def write_mined(
    mined: MinedStore,
    store: Store,
    inputs: Sequence[InputFile],
    folder: Path,
    *,
    title: str,
    output: AnalysisOutput | None = None,
) -> tuple[Report, ReportPaths]:
    """Write the report of a store that is already mined; for the arguments see `write_analysis`."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    if output is None:
        report = mined.report(inputs, title=title, made_at=made_at)
    else:
        report = report_with_claims(mined, store, inputs, output, title=title, made_at=made_at)
    judged = mined.store.rows(report.triage_sql) if report.triage_sql else []
    views = trace_views(store, report.findings)
    return report, write_report(report, folder, traces=views, triage=[COLUMNS, *judged])


def guarded_rows(store: Store) -> Query:
    """A function that runs a detector's SQL in a separate process, with limits."""

    def ask(sql: str) -> list[tuple[object, ...]]:
        table = guarded_query(store, sql, max_rows=DETECTOR_ROWS, max_bytes=DETECTOR_BYTES, seconds=DETECTOR_SECONDS)
        if table.truncated:
            raise InputError(f"it gives more than {DETECTOR_ROWS} rows; give one row an attempt")
        return list(table.rows)

    return ask


def trace_views(store: Store, findings: Sequence[Finding]) -> list[TraceView]:
    """The attempts that findings refer to, with their steps, for the appendix of the report."""
    wanted = dict.fromkeys(trace_id for finding in findings for trace_id in _attempts_of(finding))
    return [view for trace_id in wanted if (view := _view(store, trace_id)) is not None]


def _attempts_of(finding: Finding) -> Iterator[str]:
    """The trace_ids of a finding's examples and quotes, in the order of the report."""
    for example in (*finding.exemplars, *finding.counter_examples):
        yield example.trace_id
        if example.beside:
            yield example.beside.trace_id
    for claim in finding.model_claims:
        yield from (quote.trace_id for quote in claim.quotes)


def _view(store: Store, trace_id: str) -> TraceView | None:
    attempts = store.rows("SELECT task_id, seed, outcome, goal FROM attempts WHERE trace_id = ?", [trace_id])
    if not attempts:
        return None
    task, seed, outcome, goal = attempts[0]
    rows = store.rows(
        "SELECT step, observation, tool, arguments, reply, target, result, error FROM steps"
        " WHERE trace_id = ? ORDER BY step",
        [trace_id],
    )
    steps = [
        StepView(
            index=step,
            observation=_short(observation),
            action=_short(f"{tool} {arguments or ''}".strip() if tool else reply),
            target=_short(target),
            result=_short(result),
            error=_short(error),
        )
        for step, observation, tool, arguments, reply, target, result, error in rows
    ]
    known = Outcome(outcome) if outcome else None
    return TraceView(trace_id=trace_id, task_id=task or "", seed=seed, outcome=known, goal=_short(goal), steps=steps)


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= STEP_CHARACTERS:
        return text
    return f"{text[:STEP_CHARACTERS]} [... {len(text) - STEP_CHARACTERS} more characters]"
