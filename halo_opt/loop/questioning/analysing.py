"""An analysis with a model, from a store to a written report. Nothing that a model says is written unchecked."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_opt import __version__
from halo_opt.analysis.engine.analyse import analyse
from halo_opt.analysis.engine.spans import SpanSink
from halo_opt.analysis.hypotheses import Hypotheses
from halo_opt.analysis.records import AnalysisResult, Event, QuestionTask, ReportTask
from halo_opt.analysis.tools.base import Desk
from halo_opt.loop.analysis import mine, write_analysis
from halo_opt.loop.questioning.asked import Asked
from halo_opt.loop.questioning.session import Session
from halo_opt.mining.user_detectors import Detectors
from halo_opt.paths import OWN_TRACE
from halo_opt.records import Report
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
