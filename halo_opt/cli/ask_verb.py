"""The verb ask: a question about traces, answered from checked evidence, sentence by sentence as it is written."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.analysis.claims.answer_text import EvidenceItem, contrast_words
from halo_opt.analysis.records import MAX_QUESTION, AnalysisLimits
from halo_opt.analysis.session.analyze_traces import Subject
from halo_opt.analysis.session.answer_question import QuestionResult, answer_question
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.cli import model_options
from halo_opt.cli.options import (
    JsonOnly,
    NameMapFile,
    Quiet,
    Redact,
    RedactPersonal,
    Scores,
    Store,
    SuccessAt,
    TraceFormat,
)
from halo_opt.cli.stores import built_store, import_options
from halo_opt.core.console import Console
from halo_opt.core.errors import EnvironmentMissing, InputError, NegativeAnswer
from halo_opt.core.input_paths import as_file
from halo_opt.core.paths import CACHE, CachePaths
from halo_opt.core.text import counted
from halo_opt.mining.detector_files import NO_DETECTORS

# One question is a small thing.
CAUTIOUS_USD = 0.25
LIMITS = AnalysisLimits(turns=16, sub_turns=8, depth=1, agents=6)


def ask_verb(
    *,
    words: Annotated[
        list[str],
        typer.Argument(help="Trace files and folders, and then the question in quotes.", metavar='TRACES "QUESTION"'),
    ],
    model: model_options.AskModel = None,
    role: model_options.RoleModels = None,
    budget: model_options.BudgetOption = None,
    max_turns: model_options.MaxTurns = None,
    max_depth: model_options.MaxDepth = None,
    parallel: model_options.Parallel = None,
    time: model_options.Time = None,
    harness: model_options.Harness = None,
    prices: model_options.PriceFile = None,
    record: model_options.Record = None,
    replay: model_options.Replay = None,
    in_order: model_options.InOrder = False,
    context: model_options.Context = None,
    watch: model_options.WatchOption = False,
    fresh: model_options.Fresh = False,
    store: Store = None,
    trace_format: TraceFormat = None,
    scores: Scores = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    redact: Redact = True,
    redact_personal: RedactPersonal = False,
    json_: JsonOnly = False,
    quiet: Quiet = False,
) -> None:
    """Answer a question about traces, citing the evidence.

    Agents explore the traces and collect evidence, which is checked. The answer is then written from the checked
    evidence alone, with a citation for each sentence. It needs a model: see --model.
    """
    console = Console(quiet=quiet)
    traces, question = _traces_and_question(words)
    reading = import_options(
        trace_format, scores, names=map_, success_at=success_at, redact=redact, personal=redact_personal
    )
    analysis = model_options.analysis_options(
        model=model, roles=role, budget=budget, turns=max_turns, depth=max_depth, parallel=parallel, time=time,
        harness=harness, prices=prices, context=context, replay=replay, in_order=in_order, record=record,
        fresh=fresh, limits=LIMITS,
    )  # fmt: skip
    if analysis is None:
        raise EnvironmentMissing(
            "ask needs a model: name one with --model, for example --model openai:gpt-5-mini or --model local. "
            "overview, traces, show, search, sql and analyze work without a model"
        )
    path, summary = built_store(traces, store, console, options=reading)
    subject = Subject(path, summary, question, NO_DETECTORS, model_options.digest(reading.text()))
    _ask(analysis, subject, question, console, as_json=json_, record=record, fresh=fresh, watch=watch)


def _traces_and_question(words: list[str]) -> tuple[list[Path], str]:
    """Split the arguments: the last one is the question, unless it is the name of a file."""
    *places, question = words
    if not places or not question.strip() or _is_path(question):
        raise InputError('name the traces first and write the question last, in quotes: halo-opt ask TRACES "why ...?"')
    if len(question.strip()) > MAX_QUESTION:
        raise InputError(
            f"the question has {len(question.strip()):,} characters, more than {MAX_QUESTION:,}; shorten it"
        )
    return [as_file(Path(place)) for place in places], question.strip()


def _is_path(words: str) -> bool:
    try:
        return Path(words).exists()
    except OSError:  # too long for a name
        return False


def _ask(
    options: AnalysisOptions,
    subject: Subject,
    question: str,
    console: Console,
    *,
    as_json: bool,
    record: Path | None,
    fresh: bool,
    watch: bool,
) -> None:
    """Run the agents, print the answer as it is written, and raise where the analysis ended early."""
    identity = subject.identity(question)
    # The same question with the same options continues or repeats its journal; any other has a journal of its own.
    name = model_options.digest(sorted(identity.items(), key=str), sorted(options.fixed().items(), key=str))
    journal = CachePaths(CACHE).asked / f"analysis.{name}.jsonl"
    if fresh:
        model_options.rename_journal(journal, console)
    with model_options.opened_session(
        options,
        console,
        journal=journal,
        subject=identity,
        cautious_usd=CAUTIOUS_USD,
        remedy="pass --fresh to rename the old journal and start over",
        record=record,
    ) as session:
        display = model_options.display_of(session, console, every=watch)
        answered = answer_question(
            subject,
            question,
            session,
            options,
            watch=display,
            during=display.shown,
            show=(lambda _sentence: None) if as_json else console.piece,
        )
        if answered.written.text and not as_json:
            console.piece("\n")
        model_options.print_end(answered.result, session, console)
    if as_json:
        console.document(answered.document())
    else:
        _show_sources(answered, console)
    model_options.raise_end(
        answered.result,
        found="the evidence so far is above",
        again=f"the same question continues from there ({journal})",
    )
    if not answered.evidence.pieces:
        raise NegativeAnswer(
            "no evidence could be confirmed, so there is no answer; ask a narrower question, or use another model"
        )


def _show_sources(answered: QuestionResult, console: Console) -> None:
    """Print the cited evidence under its numbers, and warn of sentences that were removed."""
    if answered.written.text:
        console.piece("\n")
    cited = [piece for piece in answered.evidence.pieces if piece.number in answered.written.cited]
    for piece in cited:
        console.text(_source(piece))
    left = len(answered.evidence.pieces) - len(cited)
    if left:
        console.say(f"not cited: {counted(left, 'more piece')} of evidence; --json prints all of them")
    for correction in answered.unsupported:
        console.warn(correction)
    if example := next((piece for piece in cited if piece.kind == "words"), None):
        console.say(f"to see a cited attempt: halo-opt show {example.trace_id} --store {answered.store}")


def _source(piece: EvidenceItem) -> str:
    if piece.kind == "number":
        value = "" if piece.value is None else f"{piece.value:.6g}"
        return f"[{piece.number}] {piece.name} = {value}\n    {' '.join(piece.sql.split())}"
    if piece.kind == "contrast":
        ends = [f"{100 * end:.0f}" for end in piece.interval or ()]
        interval = f" (95% interval {' to '.join(ends)})" if ends else ""
        return f"[{piece.number}] {piece.name}: {contrast_words(piece)}{interval}\n    {' '.join(piece.sql.split())}"
    step = "" if piece.step is None else f", step {piece.step}"
    return f'[{piece.number}] attempt {piece.trace_id}{step}: "{" ".join(piece.words.split())}"'
