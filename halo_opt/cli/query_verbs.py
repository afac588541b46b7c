"""Verbs that ask traces: overview, traces, show, search, stats. Each prints one query of `halo_opt.store.queries`."""

import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, Store, rows_format
from halo_opt.cli.stores import open_store, say_import
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.store import queries
from halo_opt.store.queries.ngrams import AT_LEAST
from halo_opt.store.queries.search import CONTEXT
from halo_opt.store.store import Store as TraceStore

PROGRESS_SECONDS = 5.0


class What(StrEnum):
    """The questions of `stats`."""

    FIRST_ACTIONS = "first-actions"
    NGRAMS = "ngrams"
    STEPS = "steps"
    REPEATS = "repeats"
    COST = "cost"
    LATENCY = "latency"


class Outcome(StrEnum):
    """How an attempt ended; unknown where nothing tells."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    UNKNOWN = "unknown"


Sort = StrEnum("Sort", [(name.upper(), name) for name in queries.SORTS])  # type: ignore[misc]

Asked = Annotated[list[Path] | None, typer.Argument(help="Trace files and folders.", metavar="[TRACES...]")]
TracesOption = Annotated[list[Path] | None, typer.Option("--traces", help="Trace files and folders to index first.")]
OutcomeOption = Annotated[Outcome | None, typer.Option("--outcome", help="Only attempts that ended so.")]
Task = Annotated[str | None, typer.Option("--task", help="Only tasks of this name; * and ? are wildcards.")]
Run = Annotated[str | None, typer.Option("--run", help="Only runs of this name; * and ? are wildcards.")]
Model = Annotated[str | None, typer.Option("--model", help="Only attempts of this model; wildcards too.")]
Tool = Annotated[str | None, typer.Option("--tool", help="Only attempts that called this tool; wildcards too.")]
HasError = Annotated[
    bool | None, typer.Option("--has-error/--no-error", help="Only attempts with, or without, error spans.")
]
MinSteps = Annotated[int | None, typer.Option("--min-steps", help="Only attempts of this many steps or more.")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", help="Only attempts of this many steps or fewer.")]
Since = Annotated[str | None, typer.Option("--since", help="Only attempts that started then or later (ISO, UTC).")]
Until = Annotated[str | None, typer.Option("--until", help="Only attempts that started before (ISO, UTC).")]
MaxBytes = Annotated[
    int | None,
    typer.Option("--max-bytes", help="Longest answer; 0 for any. Default: 200000 of text into a pipe, else any."),
]
Limit = Annotated[int, typer.Option("--limit", help="Rows at most; the rest is counted.", min=0)]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command("overview")(overview_verb)
    app.command("traces")(traces_verb)
    app.command("show")(show_verb)
    app.command("search")(search_verb)
    app.command("stats")(stats_verb)


def overview_verb(
    *,
    traces: Asked = None,
    store: Store = None,
    limit: Limit = 20,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """What is in the traces: counts, outcomes, models, tools, kinds of errors."""
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=False) as found:
        if traces:
            say_import(found.summary(), console)
        answer = queries.overview(found, limit=limit)
    _print(answer, console, rows_format(format_, json_), max_bytes)


def traces_verb(
    *,
    traces: Asked = None,
    store: Store = None,
    outcome: OutcomeOption = None,
    task: Task = None,
    run: Run = None,
    model: Model = None,
    tool: Tool = None,
    has_error: HasError = None,
    min_steps: MinSteps = None,
    max_steps: MaxSteps = None,
    since: Since = None,
    until: Until = None,
    sort: Annotated[Sort, typer.Option(help="The column to sort by.")] = Sort("started_at"),  # noqa: B008
    descending: Annotated[bool, typer.Option("--desc", help="The greatest first.")] = False,
    limit: Limit = 50,
    offset: Annotated[int, typer.Option(help="Rows to skip.", min=0)] = 0,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """List attempts: filtered, sorted, page by page."""
    console = Console(quiet=quiet)
    chosen = _filter(locals())
    with open_store(traces, store, console, contents=False) as found:
        answer = queries.traces(found, chosen, sort=sort.value, descending=descending, limit=limit, offset=offset)
    _print(answer, console, rows_format(format_, json_), max_bytes)


def show_verb(
    *,
    trace: Annotated[str, typer.Argument(help="A trace id, or how it begins.")],
    span: Annotated[str | None, typer.Option("--span", help="One span, with all its attributes.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The lines as they are in the file.")] = False,
    traces: TracesOption = None,
    store: Store = None,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show one attempt: its spans as a tree, with what went in and came out."""
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=False) as found:
        if raw:
            answer: queries.Answer = queries.raw_lines(found, trace, span)
        elif span is not None:
            answer = queries.show_span(found, trace, span)
        else:
            answer = queries.show(found, trace)
    _print(answer, console, rows_format(format_, json_), max_bytes)


def search_verb(
    *,
    regex: Annotated[str, typer.Argument(help="A regular expression in RE2's syntax: no lookaround.")],
    traces: TracesOption = None,
    store: Store = None,
    trace: Annotated[str | None, typer.Option("--trace", help="Only this attempt: its id, or how it begins.")] = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Capital and small letters are equal.")
    ] = False,
    outcome: OutcomeOption = None,
    task: Task = None,
    run: Run = None,
    model: Model = None,
    tool: Tool = None,
    has_error: HasError = None,
    min_steps: MinSteps = None,
    max_steps: MaxSteps = None,
    since: Since = None,
    until: Until = None,
    context: Annotated[int, typer.Option(help="Characters shown on each side of a match.", min=0)] = CONTEXT,
    count: Annotated[bool, typer.Option("--count", help="Only how many matches, spans and traces.")] = False,
    limit: Limit = 50,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find a regular expression in all texts of all spans, as people read them."""
    console = Console(quiet=quiet)
    chosen = _filter(locals())
    with open_store(traces, store, console, contents=False) as found:
        if trace is not None:
            chosen = chosen.model_copy(update={"trace": queries.trace_id_of(found, trace)})
        with console.working("searching"):
            answer = queries.search(
                found,
                regex,
                chosen,
                ignore_case=ignore_case,
                context=context,
                limit=0 if count else limit,
                progress=_saying(console),
            )
    wanted = rows_format(format_, json_)
    if count:
        console.table(["matches", "spans", "traces"], [[answer.matches, answer.spans, answer.traces]], wanted)
    else:
        _print(answer, console, wanted, max_bytes)


def stats_verb(
    *,
    what: Annotated[What, typer.Argument(help="What to count against how attempts end.")],
    traces: Asked = None,
    store: Store = None,
    n: Annotated[int, typer.Option("--n", help="Actions in a row, for ngrams.", min=2, max=5)] = 3,
    at_least: Annotated[int, typer.Option(help="Attempts that must have it, for ngrams.", min=1)] = AT_LEAST,
    outcome: OutcomeOption = None,
    task: Task = None,
    run: Run = None,
    model: Model = None,
    tool: Tool = None,
    has_error: HasError = None,
    min_steps: MinSteps = None,
    max_steps: MaxSteps = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 30,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Count first actions, actions in a row, steps, repeats, cost or latency against how attempts end."""
    console = Console(quiet=quiet)
    chosen = _filter(locals())
    asked: dict[What, Callable[[TraceStore], queries.Answer]] = {
        What.FIRST_ACTIONS: lambda found: queries.first_actions(found, chosen, limit=limit),
        What.NGRAMS: lambda found: queries.ngrams(found, chosen, n=n, at_least=at_least, limit=limit),
        What.STEPS: lambda found: queries.steps_histogram(found, chosen, limit=limit),
        What.REPEATS: lambda found: queries.repeats(found, chosen, limit=limit),
        What.COST: lambda found: queries.cost(found, chosen),
        What.LATENCY: lambda found: queries.latency(found, chosen),
    }
    with open_store(traces, store, console, contents=False) as found:
        answer = asked[what](found)
    _print(answer, console, rows_format(format_, json_), max_bytes)


def _filter(given: Mapping[str, object]) -> queries.TraceFilter:
    """The filter among a verb's options, whose names are those of its fields."""
    told = {name: given[name] for name in queries.TraceFilter.model_fields if name in given}
    return queries.TraceFilter.model_validate({k: v.value if isinstance(v, Enum) else v for k, v in told.items()})


def _print(answer: queries.Answer, console: Console, wanted: Literal["table", "json", "csv"], most: int | None) -> None:
    """The answer to stdout, its remarks to stderr. Too long a text is cut; JSON and CSV would break and are refused."""
    if wanted == "table":
        told = queries.MAX_BYTES if most is None and not sys.stdout.isatty() else most
        rendered = answer.render(told or None, remarks=False)
        console.text(rendered.text)
        if rendered.cut:
            console.warn(f"the whole answer has {rendered.size} bytes; {answer.narrower()}, or raise --max-bytes")
    else:
        size = len(answer.model_dump_json())
        if most and size > most:
            raise InputError(f"the answer has about {size} bytes, more than --max-bytes {most}; {answer.narrower()}")
        if wanted == "json":
            console.document(answer)
        else:
            section = answer.sections()[0]
            console.table(section.columns, section.rows, "csv")
    for remark in answer.remarks():
        console.say(remark)


def _saying(console: Console) -> Callable[[int, int], None]:
    """Progress of a long search, in words now and then."""
    last = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal last
        if done < total and time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            console.say(f"searched {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    return say
