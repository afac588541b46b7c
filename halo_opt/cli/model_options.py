"""What analyze and ask share: the options about models, the session with its messages, and how it ends."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Ended
from halo_opt.analysis.session.cost_estimate import budget_for, estimate_words, priced
from halo_opt.analysis.session.options import AnalysisOptions, models_of, parse_budget, parse_contexts, parse_time
from halo_opt.analysis.session.session import Session, open_session, replayed_session, set_aside
from halo_opt.analysis.session.session_journal import Recording
from halo_opt.cli.agent_display import AgentDisplay, spend_text
from halo_opt.core.console import Console
from halo_opt.core.errors import BudgetSpent, EnvironmentMissing, InputError
from halo_opt.core.text import counted
from halo_opt.reporting.files import need_place

AskModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The model that explores the traces: openai:NAME, anthropic:NAME, FILE.gguf, local ...",
        metavar="SPEC",
    ),
]
RoleModels = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="Another model for one part of the work: sub=SPEC for sub-agents, map=SPEC for reading many texts, "
        "compact=SPEC for shortening conversations. May be given several times.",
        metavar="ROLE=SPEC",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget", help="The most that may be used: 5usd, 200000tokens, 100calls, or several with commas between."
    ),
]
MaxTurns = Annotated[
    int | None, typer.Option("--max-turns", min=1, help="The largest number of turns of the first agent.")
]
MaxDepth = Annotated[
    int | None, typer.Option("--max-depth", min=0, help="How deep agents may start sub-agents; 0 means none.")
]
Parallel = Annotated[
    int | None, typer.Option("--parallel", min=1, help="The largest number of model calls at the same time.")
]
Time = Annotated[
    str | None, typer.Option("--time", help="The longest time that the analysis may take: 90s, 30min, 1h30min.")
]
Harness = Annotated[
    Path | None,
    typer.Option("--harness", help="The folder of the harness, so that agents can read its files.", metavar="DIR"),
]
PriceFile = Annotated[
    Path | None,
    typer.Option("--prices", help="A file with prices of models that the built-in list does not have.", metavar="FILE"),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", help="Also record all model calls in this file, for --replay.", metavar="FILE"),
]
Replay = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        help="Take the model's replies from a file that --record wrote. No key and no network is needed.",
        metavar="FILE",
    ),
]
InOrder = Annotated[
    bool,
    typer.Option(
        "--in-order",
        help="With --replay: give the replies in the order in which they were recorded, also where a prompt has changed"
        " since.",
    ),
]
Context = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        help="The size of the model's context window, in tokens: 200000 or 200k. Give it where the model's server does "
        "not say it. ROLE=TOKENS gives that of one role's model. May be given several times.",
        metavar="TOKENS",
    ),
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Show each step of each agent, and what was spent so far.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start over. The journal of an earlier analysis is renamed, not deleted.")
]


def analysis_options(
    *,
    model: str | None,
    roles: list[str] | None,
    budget: str | None,
    turns: int | None,
    depth: int | None,
    parallel: int | None,
    time: str | None,
    harness: Path | None,
    prices: Path | None,
    context: list[str] | None,
    replay: Path | None,
    in_order: bool,
    record: Path | None,
    fresh: bool,
    limits: AnalysisLimits,
) -> AnalysisOptions | None:
    """Check the options about models and put them together; None if neither a model nor a recording was named.

    A replay takes the limits of its recording where none are given, because prompts depend on them. Whatever would
    stop the models later (a missing key, file or price) is an error here, before minutes are spent on indexing traces.

    Raises:
        InputError: Options contradict each other, or a file or folder does not exist.
        EnvironmentMissing: The key of a provider is missing.
    """
    given_in_vain = _given(
        {
            "--model": model,
            "--role": roles,
            "--budget": budget,
            "--context": context,
            "--prices": prices,
            "--record": record,
            "--fresh": fresh,
        }
    )
    if replay is not None and given_in_vain:
        raise InputError(
            f"--replay calls no model and writes no journal, so {given_in_vain} would have no effect; leave it out"
        )
    if in_order and replay is None:
        raise InputError("--in-order concerns a recording; name it with --replay, or leave --in-order out")
    if harness is not None and not harness.is_dir():
        raise InputError(f"--harness {harness} does not exist; name the folder that holds the files of the harness")
    models = models_of(model, roles or [])
    if not models and replay is None:
        return None
    if replay is not None:
        limits = Recording.read(replay).limits
    if record is not None:
        need_place(record, "--record")
    given = {"turns": turns, "depth": depth, "parallel": parallel, "seconds": parse_time(time)}
    options = AnalysisOptions(
        models=models,
        budget=parse_budget(budget),
        limits=limits.model_copy(update={name: value for name, value in given.items() if value is not None}),
        harness=harness,
        prices=prices,
        context_tokens=parse_contexts(context or []),
        replay=replay,
        in_order=in_order,
    )
    budget_for(options, priced(options), cautious_usd=0.0)
    return options


def need_model(options: Mapping[str, object]) -> None:
    """Raise InputError if any of these options was given: without a model none of them has an effect."""
    if given := _given(options):
        raise InputError(f"without a model {given} would have no effect; name one with --model, or leave it out")


def _given(options: Mapping[str, object]) -> str:
    """The names of the options that were given, as `--a, --b and --c`; '' for none. A zero counts as given."""
    names = [name for name, value in options.items() if value is not None and value is not False and value != []]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


@contextmanager
def opened_session(
    options: AnalysisOptions,
    console: Console,
    *,
    journal: Path,
    subject: Mapping[str, Any],
    cautious_usd: float,
    remedy: str,
    record: Path | None = None,
) -> Iterator[Session]:
    """Open the session of an analysis, and print the budget and the largest possible cost before the first call.

    Args:
        options: The checked options.
        console: Where messages go.
        journal: The file in which model calls are recorded; an earlier one is continued.
        subject: What the analysis is about; a journal of another subject is refused.
        cautious_usd: The budget in dollars of a paid model when none was given.
        remedy: What the error advises when the journal belongs to another analysis.
        record: A second file to which the journal is copied at the end.
    """
    if options.replay is not None:
        with replayed_session(options.replay, subject=subject, in_order=options.in_order) as session:
            console.say(
                f"replaying {counted(session.recorded, 'call')} of {options.replay}: no model is called, nothing is"
                " spent"
            )
            yield session
            if changed := session.cassette.changed:
                console.say(
                    f"{changed} of {counted(session.recorded, 'prompt')} differ from those that the model was sent when"
                    " it was recorded. Claims were checked as they are now"
                )
        return
    prices = priced(options)
    budget, words = budget_for(options, prices, cautious_usd=cautious_usd)
    console.say(f"{words}; {estimate_words(options.limits, prices)}")
    try:
        with open_session(options, budget, journal=journal, subject=subject, remedy=remedy) as session:
            for words in session.warnings:
                console.warn(words)
            if session.recorded:
                calls = counted(session.recorded, "call")
                console.say(
                    f"continuing {journal}: {calls} on record, which are not paid again; so far "
                    f"{spend_text(session.spent, budget)}"
                )
            yield session
    finally:
        if record is not None and journal.exists():
            record.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(journal, record)


def rename_journal(journal: Path, console: Console) -> None:
    """Rename an earlier journal, and print its new name."""
    if (old := set_aside(journal)) is not None:
        console.say(f"the earlier journal was renamed to {old}")


def display_of(session: Session, console: Console, *, every: bool) -> AgentDisplay:
    """The display of a session's progress."""
    return AgentDisplay(console, spent=lambda: session.spent, budget=session.budget, every=every)


def print_end(result: AnalysisResult, session: Session, console: Console) -> None:
    """Print the number of agents and turns, what was spent, and what went wrong."""
    taken = f", {counted(session.taken_over, 'call')} taken from the recording" if session.taken_over else ""
    work = f"{counted(result.agents, 'agent')}, {counted(result.turns, 'turn')}"
    console.say(f"{work}; {spend_text(session.spent, session.budget)}{taken}")
    for title, faults in (("problems", result.faults), ("failed model calls", session.faults)):
        if faults:
            console.say(f"{title}: " + ", ".join(f"{count} x {kind}" for kind, count in sorted(faults.items())))


def raise_end(result: AnalysisResult, *, found: str, again: str) -> None:
    """Raise the error of an analysis that ended early. Its results were written before this is called.

    Args:
        result: How the analysis ended; nothing is raised where it was finished.
        found: A clause that says where the results are.
        again: A clause that says how to continue, for an end after which the same command can continue.
    """
    words = f"{result.reason or result.ended.value}; {found}"
    match result.ended:
        case Ended.INTERRUPTED:
            raise KeyboardInterrupt
        case Ended.BUDGET:
            raise BudgetSpent(words)
        case Ended.TIME:
            raise BudgetSpent(f"{words}, and {again}")
        case Ended.MODEL:
            raise EnvironmentMissing(f"{words}, and {again}")
        case Ended.UNUSABLE:
            # The replies are on record and would be read again.
            raise EnvironmentMissing(f"{words}; use another model, with --fresh to start over")


def digest(*parts: object) -> str:
    """A short hash of what a journal was started for. A path stands for the content of its file."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()[:16]
