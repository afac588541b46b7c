"""What analyze and ask share on the command line: options, the open session, how its end becomes an exit code."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Ended
from halo_opt.analysis.session.asked import Asked, models_of, parse_budget, parse_time
from halo_opt.analysis.session.estimate import budget_for, estimate_words, priced
from halo_opt.analysis.session.recording import Recording
from halo_opt.analysis.session.session import Session, open_session, replayed_session, set_aside
from halo_opt.cli.watch import Watch, spend_words
from halo_opt.core.console import Console
from halo_opt.core.errors import BudgetSpent, EnvironmentMissing, InputError
from halo_opt.core.text import counted
from halo_opt.reporting.files import need_place

AskModel = Annotated[
    str | None, typer.Option("--model", help="Who asks: openai:..., anthropic:..., FILE.gguf, local ...")
]
RoleModels = Annotated[
    list[str] | None,
    typer.Option("--role", help="Another model for a part: sub=, map= or compact=SPEC.", metavar="ROLE=SPEC"),
]
BudgetOption = Annotated[
    str | None, typer.Option("--budget", help="What it may use: 5usd, 200000tokens, 100calls, or several.")
]
MaxTurns = Annotated[int | None, typer.Option("--max-turns", min=1, help="Turns of the root agent.")]
MaxDepth = Annotated[int | None, typer.Option("--max-depth", min=0, help="Sub-agents below one another; 0 for none.")]
Parallel = Annotated[int | None, typer.Option("--parallel", min=1, help="Model calls at the same time.")]
Time = Annotated[str | None, typer.Option("--time", help="Wall clock at most: 90s, 30min, 1h30min.")]
Harness = Annotated[Path | None, typer.Option("--harness", help="The harness's folder, to be read.", metavar="DIR")]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="Prices that the list lacks.", metavar="FILE")]
Record = Annotated[Path | None, typer.Option("--record", help="Keep all calls in a file for --replay.", metavar="FILE")]
Replay = Annotated[
    Path | None, typer.Option("--replay", help="Answer from such a file: no key, no network.", metavar="FILE")
]
Context = Annotated[
    int | None, typer.Option("--context", min=1024, help="Tokens that the model's context holds.", metavar="TOKENS")
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Show what each agent does and what it has spent.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Set an earlier journal aside and begin anew.")]


def asked_of(
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
    context: int | None,
    replay: Path | None,
    record: Path | None,
    fresh: bool,
    limits: AnalysisLimits,
) -> Asked | None:
    """What the options ask for; None where there is neither a model nor a recording.

    A replay has the limits of its recording where none are given: prompts depend on them. Raises for whatever would
    stop the models later (a key, a file, a price): traces take minutes to index, and are not indexed for nothing.
    """
    idle = _given(
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
    if replay is not None and idle:
        raise InputError(f"--replay answers from a file without any model and writes no journal; leave {idle} out")
    if harness is not None and not harness.is_dir():
        raise InputError(f"--harness {harness}: there is no such folder; name the one that holds the harness's files")
    models = models_of(model, roles or [])
    if not models and replay is None:
        return None
    if replay is not None:
        limits = Recording.read(replay).limits
    if record is not None:
        need_place(record, "--record")
    given = {"turns": turns, "depth": depth, "parallel": parallel, "seconds": parse_time(time)}
    asked = Asked(
        models=models,
        budget=parse_budget(budget),
        limits=limits.model_copy(update={name: value for name, value in given.items() if value is not None}),
        harness=harness,
        prices=prices,
        context_tokens=context,
        replay=replay,
    )
    budget_for(asked, priced(asked), cautious_usd=0.0)
    return asked


def need_model(options: Mapping[str, object]) -> None:
    """Raises InputError where any of these options was given: without a model none of them has an effect."""
    if given := _given(options):
        raise InputError(f"without a model {given} would do nothing; name one with --model, or leave {given} out")


def _given(options: Mapping[str, object]) -> str:
    """Those of the options that were given, as `--a, --b and --c`; '' for none. A zero was given."""
    names = [name for name, value in options.items() if value is not None and value is not False and value != []]
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])


@contextmanager
def opened(
    asked: Asked,
    console: Console,
    *,
    journal: Path,
    subject: Mapping[str, Any],
    cautious_usd: float,
    remedy: str,
    record: Path | None = None,
) -> Iterator[Session]:
    """The models while the block runs; what they may cost is said before the first call, what they did after the last.

    `cautious_usd` is the budget of a paid model when none was given. With `record` all calls are kept there too.
    """
    if asked.replay is not None:
        with replayed_session(asked.replay, subject=subject) as session:
            console.say(
                f"replaying {counted(session.recorded, 'call')} of {asked.replay}: no model is asked, nothing is spent"
            )
            yield session
        return
    prices = priced(asked)
    budget, words = budget_for(asked, prices, cautious_usd=cautious_usd)
    console.say(f"{words}; {estimate_words(asked.limits, prices)}")
    try:
        with open_session(asked, budget, journal=journal, subject=subject, remedy=remedy) as session:
            if session.recorded:
                calls = counted(session.recorded, "call")
                console.say(
                    f"going on with {journal}: {calls} on record and not paid again; so far "
                    f"{spend_words(session.spent, budget)}"
                )
            yield session
    finally:
        if record is not None and journal.exists():
            record.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(journal, record)


def begin_anew(journal: Path, console: Console) -> None:
    """Set an earlier journal aside and say where it is."""
    if (old := set_aside(journal)) is not None:
        console.say(f"the earlier journal is {old}")


def watch_over(session: Session, console: Console, *, every: bool) -> Watch:
    """What shows the progress of a session."""
    return Watch(console, spent=lambda: session.spent, budget=session.budget, every=every)


def say_end(result: AnalysisResult, session: Session, console: Console) -> None:
    """How it went: agents, turns, spend, and what went wrong on the way."""
    taken = f", {counted(session.taken_over, 'call')} from the recording" if session.taken_over else ""
    went = f"{counted(result.agents, 'agent')}, {counted(result.turns, 'turn')}"
    console.say(f"{went}; {spend_words(session.spent, session.budget)}{taken}")
    for words, faults in (("on the way", result.faults), ("tries that failed", session.faults)):
        if faults:
            console.say(f"{words}: " + ", ".join(f"{count} x {kind}" for kind, count in sorted(faults.items())))


def raise_end(result: AnalysisResult, *, found: str, again: str) -> None:
    """The exit code of an analysis that did not end by handing in: what is there was written before this is called.

    `found` says where, `again` how to go on where nothing else must change for that.
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
            # They are on record, and would be read again.
            raise EnvironmentMissing(f"{words}; use another model, and --fresh to set these replies aside")


def digest(*parts: object) -> str:
    """A short hash of what a journal was begun for; paths count by what is in the file."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()[:16]
