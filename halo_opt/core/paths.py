"""The names of all files that halo-opt writes.

traces/<run_id>/
    run.json                what this is a run of
    attempts.jsonl          what was asked for
    results.jsonl           one line a finished attempt
    <mode>/<task>__seed_<s>__attempt_<k>.jsonl      spans
    logs/                   what the harness command printed
reports/<loop_id>/
    journal.jsonl           every event of the loop: its only state
    loop.json  report.md  report.html
    iter-NN/{report.json,report.md,report.html}     the analysis of that iteration's train traces
    iter-NN/<proposal>/{patch.diff,diff.json}       each patch that was tried
report/                     what analyze writes: report.json, .md, .html, triage.csv
    analysis.jsonl          every call of its model: what it cost, and what a second start need not pay again
    analysis-trace/         the analysis itself as a run: an attempt for each start
.halo_opt/                  caches that may be deleted at any time
    stores/  models/  worktrees/  logs/
    streams/<hash>/stdin    what was piped into a command, by a hash of its bytes
    asked/analysis.<hash>.jsonl     the same of a question
"""

from dataclasses import dataclass
from pathlib import Path

RESULTS = "results.jsonl"
RUN = "run.json"
CACHE = Path(".halo_opt")
LOOP_JOURNAL = "journal.jsonl"
ANALYSIS_JOURNAL = "analysis.jsonl"
OWN_TRACE = "-trace"


@dataclass(frozen=True)
class RunPaths:
    """The files of one run's folder."""

    folder: Path

    @property
    def run(self) -> Path:
        """What this is a run of."""
        return self.folder / RUN

    @property
    def attempts(self) -> Path:
        """What was asked for."""
        return self.folder / "attempts.jsonl"

    @property
    def results(self) -> Path:
        """One line a finished attempt."""
        return self.folder / RESULTS

    @property
    def lock(self) -> Path:
        """Held while a collector works here."""
        return self.folder / ".lock"

    @property
    def logs(self) -> Path:
        """What the harness command printed."""
        return self.folder / "logs"


@dataclass(frozen=True)
class LoopPaths:
    """The files of one loop's folder."""

    folder: Path

    @property
    def journal(self) -> Path:
        """Every event of the loop."""
        return self.folder / LOOP_JOURNAL

    @property
    def summary(self) -> Path:
        """loop.json."""
        return self.folder / "loop.json"

    @property
    def page(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    def iteration(self, number: int) -> Path:
        """Where one iteration keeps its analysis and patches."""
        return self.folder / f"iter-{number:02d}"


@dataclass(frozen=True)
class CachePaths:
    """Files that can be made again. They lie beside the loop file, so that the user's trace folders stay unchanged."""

    root: Path

    @property
    def models(self) -> Path:
        """Downloaded weights and the local server's log."""
        return self.root / "models"

    @property
    def stores(self) -> Path:
        """DuckDB indexes."""
        return self.root / "stores"

    @property
    def streams(self) -> Path:
        """Copies of what was piped into commands."""
        return self.root / "streams"

    @property
    def asked(self) -> Path:
        """Journals of questions."""
        return self.root / "asked"

    @property
    def worktrees(self) -> Path:
        """Checked-out harness revisions."""
        return self.root / "worktrees"
