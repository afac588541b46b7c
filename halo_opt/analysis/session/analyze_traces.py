"""Runs an analysis by a model over a store, and writes the report with the model's checked claims."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_opt import __version__
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.report_with_claims import AnalysisOutput
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.engine.spans import SpanSink
from halo_opt.analysis.records import AnalysisResult, Event, ReportTask, Task
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.session import Session
from halo_opt.analysis.session.write_report import mined_by, write_mined
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.paths import OWN_TRACE
from halo_opt.core.report_records import Report
from halo_opt.mining.detector_files import Detectors
from halo_opt.mining.mine import MinedStore
from halo_opt.reporting.report_files import ReportPaths
from halo_opt.store import ImportSummary, Store


@dataclass(frozen=True)
class Subject:
    """The traces of an analysis. `read_as` is a hash of the import options and of the user's detectors."""

    store: Path
    summary: ImportSummary
    title: str
    detectors: Detectors
    read_as: str

    def identity(self, question: str | None = None) -> dict[str, Any]:
        """The inputs that a journal belongs to, as JSON data: hashes of the traces, not their paths."""
        return {
            "traces": sorted(file.sha256 for file in self.summary.files),
            "reading": self.read_as,
            "question": question,
        }


@dataclass(frozen=True)
class OpenTraces:
    """The traces of a subject, open and mined."""

    subject: Subject
    store: Store
    mined: MinedStore


@contextmanager
def open_traces(subject: Subject) -> Iterator[OpenTraces]:
    """Open a subject's store and mine it once."""
    with Store.open(subject.store) as store, mined_by(store, subject.detectors) as mined:
        yield OpenTraces(subject, store, mined)


def question_traces(
    traces: OpenTraces, session: Session, options: AnalysisOptions, task: Task, *, watch: Callable[[Event], None]
) -> tuple[Hypotheses, AnalysisResult]:
    """Run the agents over the traces and mining's report; return the hypotheses that they tested and the result."""
    hypotheses = Hypotheses()
    subject = traces.subject
    context = ToolContext(
        store=traces.store,
        # Without a time: prompts must be the same when the same traces are analyzed again.
        report=traces.mined.report(subject.summary.files, title=subject.title, made_at=""),
        hypotheses=hypotheses,
        harness=options.harness,
        earlier=options.earlier,
    )
    result = run_agents(
        context,
        session.roles,
        task=task,
        limits=options.limits,
        ledger=session.ledger,
        watch=watch,
        spans=_own_trace(session, subject.title),
        tools=ALL,
    )
    return hypotheses, result


def analyze_traces(
    subject: Subject,
    out: Path,
    session: Session,
    options: AnalysisOptions,
    *,
    watch: Callable[[Event], None],
    during: Callable[[], AbstractContextManager[None]],
    writing: Callable[[], AbstractContextManager[None]],
) -> tuple[Report, ReportPaths, AnalysisResult]:
    """Run the agents over the traces, check and measure their claims, and write the report.

    Args:
        subject: The traces.
        out: The folder of the report.
        session: The models.
        options: Limits, and the folder of the harness.
        watch: Called with each event of the agents.
        during: A context manager that is entered while the traces are mined and the agents run.
        writing: A context manager that is entered while the claims are checked and the report is written.

    Returns:
        The report, the paths of its files, and the result of the agents.

    Example:
        >>> with open_session(options, budget, journal=out / "analysis.jsonl", subject=subject.identity(),
        ...                   remedy="choose another folder") as session:
        ...     report, paths, result = analyze_traces(
        ...         subject, out, session, options, watch=print, during=nullcontext, writing=nullcontext
        ...     )
    """
    with ExitStack() as stack:
        with during():
            traces = stack.enter_context(open_traces(subject))
            hypotheses, result = question_traces(traces, session, options, ReportTask(), watch=watch)
        with writing():
            report, paths = write_mined(
                traces.mined,
                traces.store,
                subject.summary.files,
                out,
                title=subject.title,
                output=AnalysisOutput(result, hypotheses, options.harness),
            )
    return report, paths, result


def _own_trace(session: Session, title: str) -> SpanSink | None:
    """Where the analysis writes a trace of itself, beside its journal: one attempt per start. None in a replay."""
    if session.sitting is None:
        return None
    folder = session.journal.with_name(f"{session.journal.stem}{OWN_TRACE}")
    return SpanSink(folder, run_id=folder.name, task_id=title[:80], revision=__version__, attempt=session.sitting)
