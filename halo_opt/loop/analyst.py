"""A model that questions the train traces of an iteration, beside mining. It never sees traces of gate or sealed.

Its calls lie in the iteration's own journal, so a loop that was stopped in the middle pays none of them again.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from halo_opt.analysis.records import AnalysisLimits, Ended, Event
from halo_opt.analysis.session.analysing import Subject, analyse_traces
from halo_opt.analysis.session.asked import Asked, models_of, parse_budget
from halo_opt.analysis.session.estimate import budget_for, priced
from halo_opt.analysis.session.session import open_session
from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.paths import ANALYSIS_JOURNAL, CachePaths
from halo_opt.core.report_records import Report
from halo_opt.git.commits import worktree
from halo_opt.git.reading import open_repo
from halo_opt.mining.detector_files import Detectors
from halo_opt.store import Store

# Where loop.yaml names none: an iteration may be one of many.
CAUTIOUS_USD = 1.0


def asked_of(config: LoopConfig) -> Asked | None:
    """What `analyzer` of a loop file asks for, None where it names no model. Raises ConfigError or InputError."""
    wanted = config.analyzer
    models = models_of(wanted.model, [f"{role}={spec}" for role, spec in wanted.roles.items()])
    if not models:
        return None
    return Asked(models=models, budget=parse_budget(wanted.budget), limits=AnalysisLimits(turns=wanted.turns))


def question(
    config: LoopConfig,
    asked: Asked,
    store: Path,
    folder: Path,
    *,
    revision: str,
    title: str,
    detectors: Detectors,
    console: Console,
) -> Report:
    """The written report of one run's traces; the agents may read the harness as it was at `revision`.

    A spent budget or a model that fails leaves what was found until then, and the report says so; Ctrl-C is raised.
    """
    budget, words = budget_for(asked, priced(asked), cautious_usd=CAUTIOUS_USD)
    console.say(f"the analyzer begins; {words}")
    with Store.open(store) as opened:
        subject = Subject(store, opened.summary(), title, detectors, read_as="loop")
    top = open_repo(config.harness_root)
    tree = CachePaths(config.base / ".halo_opt").worktrees / f"{config.loop_id}-{revision[:12]}-read"
    with (
        worktree(top, revision, tree),
        open_session(
            asked,
            budget,
            journal=folder / ANALYSIS_JOURNAL,
            subject=subject.identity(),
            remedy="start the loop anew with --fresh, or give loop.yaml the analyzer back that it had",
        ) as session,
    ):
        where = tree / config.harness_root.relative_to(top)
        report, _, result = analyse_traces(
            subject,
            folder,
            session,
            asked.model_copy(update={"harness": where}),
            watch=_tell_claims(console),
            during=lambda: console.working("the analyzer looks"),
            writing=nullcontext,
        )
    if result.ended is Ended.INTERRUPTED:
        raise KeyboardInterrupt
    if result.reason:
        console.warn(f"the analyzer stopped early: {result.reason}")
    return report


def _tell_claims(console: Console) -> Callable[[Event], None]:
    """Says each claim as it is checked; the rest is in the analysis's own trace."""

    def tell(event: Event) -> None:
        if event.kind == "claim":
            console.say(event.words.partition("\n")[0])

    return tell
