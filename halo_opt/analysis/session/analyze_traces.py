"""An analysis by a model, from a store to a written report in which every claim of the model was checked."""

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
    """What is looked at. `read_as` stands for how the traces were read and for the user's detectors."""

    store: Path
    summary: ImportSummary
    title: str
    detectors: Detectors
    read_as: str

    def identity(self, question: str | None = None) -> dict[str, Any]:
        """What a journal belongs to, wherever the files lie, as JSON data."""
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
    """Open a subject's store and mine it, once for all that follows."""
    with Store.open(subject.store) as store, mined_by(store, subject.detectors) as mined:
        yield OpenTraces(subject, store, mined)


def question_traces(
    traces: OpenTraces, session: Session, options: AnalysisOptions, task: Task, *, watch: Callable[[Event], None]
) -> tuple[Hypotheses, AnalysisResult]:
    """Run the agents over the traces and what mining knows of them."""
    hypotheses = Hypotheses()
    subject = traces.subject
    context = ToolContext(
        store=traces.store,
        # Without a time, for what the agents read must not change when the same traces are analyzed again.
        report=traces.mined.report(subject.summary.files, title=subject.title, made_at=""),
        hypotheses=hypotheses,
        harness=options.harness,
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
    """Let the agents look, then measure all that they asked and write the report.

    `during` is entered while the traces are mined and the agents look, `writing` for the rest.
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
    """Where the analysis logs itself, beside its journal: an attempt for each sitting. A replay logs nothing."""
    if session.sitting is None:
        return None
    folder = session.journal.with_name(f"{session.journal.stem}{OWN_TRACE}")
    return SpanSink(folder, run_id=folder.name, task_id=title[:80], revision=__version__, attempt=session.sitting)
