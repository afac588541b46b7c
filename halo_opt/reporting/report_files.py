"""The analysis report on disk: report.json, and report.md and report.html, which are drawn from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from halo_common.csv_text import csv_text
from halo_opt.core.records import Value
from halo_opt.core.report_records import Report
from halo_opt.reporting.files import json_text, read_record, write_files
from halo_opt.reporting.html import report_html
from halo_opt.reporting.markdown import report_markdown
from halo_opt.reporting.trace_sections import TraceView

REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML = "report.json", "report.md", "report.html"
TRIAGE_CSV = "triage.csv"


class ReportPaths(NamedTuple):
    """The files of one report."""

    json: Path
    markdown: Path
    html: Path


def write_report(
    report: Report, folder: Path, *, traces: Sequence[TraceView] = (), triage: Sequence[Sequence[Value]] = ()
) -> ReportPaths:
    """Write report.json, report.md and report.html into `folder` (made if missing).

    `traces` become the page's appendix, which exemplars link into; `triage`, a head and the rows of the report's
    `triage_sql`, becomes triage.csv. Raises InputError when the folder cannot be written.
    """
    paths = ReportPaths(folder / REPORT_JSON, folder / REPORT_MARKDOWN, folder / REPORT_HTML)
    texts = {
        paths.json: json_text(report),
        paths.markdown: report_markdown(report),
        paths.html: report_html(report, traces=traces),
    }
    if triage:
        texts[folder / TRIAGE_CSV] = csv_text(triage)
    write_files(texts)
    return paths


def read_report(path: Path) -> Report:
    """The report at `path`: a report.json, or the folder that holds one. Raises InputError with place and remedy."""
    return read_record(Report, path / REPORT_JSON if path.is_dir() else path, made_by="halo-opt analyze")
