"""The model that analyzes the train traces of an iteration, beside mining.

Its calls lie in the iteration's own journal, so a loop that was stopped in the middle pays none of them again.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from halo_opt.analysis.records import AnalysisLimits, Ended, Event
from halo_opt.analysis.session.analyze_traces import Subject, analyze_traces
from halo_opt.analysis.session.cost_estimate import budget_for, priced
from halo_opt.analysis.session.options import AnalysisOptions, models_of, parse_budget, parse_contexts
from halo_opt.analysis.session.session import open_session
from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.paths import ANALYSIS_JOURNAL, CachePaths
from halo_opt.core.report_records import Report
from halo_opt.git.commits import worktree
from halo_opt.git.reading import open_repo
from halo_opt.llm.roles import Role
from halo_opt.mining.detector_files import Detectors
from halo_opt.store import Store

# The budget of an iteration for which loop.yaml names none; a loop may have many iterations.
DEFAULT_USD = 1.0


def analyzer_options(config: LoopConfig) -> AnalysisOptions | None:
    """What `analyzer` of a loop file configures, None where it names no model. Raises ConfigError or InputError."""
    wanted = config.analyzer
    models = models_of(wanted.model, [f"{role}={spec}" for role, spec in wanted.roles.items()])
    if not models:
        return None
    return AnalysisOptions(
        models=models,
        budget=parse_budget(wanted.budget),
        limits=AnalysisLimits(turns=wanted.turns),
        context_tokens=_contexts(wanted.context),
    )


def _contexts(given: int | str | Mapping[str, int | str] | None) -> dict[Role, int]:
    """The context sizes of roles, from `analyzer.context` of a loop file."""
    if given is None:
        return {}
    texts = [f"{role}={size}" for role, size in given.items()] if isinstance(given, Mapping) else [str(given)]
    return parse_contexts(texts, option="analyzer.context")


def analyze_with_model(
    config: LoopConfig,
    options: AnalysisOptions,
    store: Path,
    folder: Path,
    *,
    revision: str,
    title: str,
    detectors: Detectors,
    console: Console,
    earlier: str = "",
) -> Report:
    """Let a model analyze one run's traces and write the report into `folder`.

    A spent budget or a model that fails leaves what was found until then, and the report says so; Ctrl-C is raised.

    Args:
        config: The loop file.
        options: Models, budget and limits of the analysis.
        store: The index of the traces.
        folder: The iteration's folder.
        revision: The commit of the harness that made the traces, which the agents may read.
        title: The report's title.
        detectors: The user's own detectors.
        console: Where checked claims are shown.
        earlier: What earlier iterations found and tried, in words.
    """
    budget, budget_words = budget_for(options, priced(options), cautious_usd=DEFAULT_USD)
    console.say(f"the analyzer begins; {budget_words}")
    with Store.open(store) as opened:
        subject = Subject(store, opened.summary(), title, detectors, read_as="loop")
    top = open_repo(config.harness_root)
    tree = CachePaths(config.base / ".halo_opt").worktrees / f"{config.loop_id}-{revision[:12]}-read"
    with (
        worktree(top, revision, tree),
        open_session(
            options,
            budget,
            journal=folder / ANALYSIS_JOURNAL,
            subject=subject.identity(),
            remedy="start the loop anew with --fresh, or give loop.yaml the analyzer back that it had",
        ) as session,
    ):
        for words in session.warnings:
            console.warn(words)
        harness = tree / config.harness_root.relative_to(top)
        report, _, result = analyze_traces(
            subject,
            folder,
            session,
            options.model_copy(update={"harness": harness, "earlier": earlier}),
            watch=_show_claims(console),
            during=lambda: console.working("the analyzer works"),
            writing=nullcontext,
        )
    if result.ended is Ended.INTERRUPTED:
        raise KeyboardInterrupt
    if result.reason:
        console.warn(f"the analyzer stopped early: {result.reason}")
    return report


def _show_claims(console: Console) -> Callable[[Event], None]:
    """A watcher that shows each claim as it is checked; the analysis's own trace has the rest."""

    def show(event: Event) -> None:
        if event.kind == "claim":
            console.say(event.words.partition("\n")[0])

    return show
